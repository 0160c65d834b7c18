// A shared library that knows nothing of assay.
extern "C" int answer() { return 42; }
