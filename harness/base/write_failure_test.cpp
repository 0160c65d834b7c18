#include "harness/base/write_failure.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cerrno>
#include <string>

#include "harness/base/errors.h"
#include "harness/base/files.h"

namespace assay {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

std::string message(const std::filesystem::path& path, int error) {
  try {
    fail_write(path, error);
  } catch (const MachineError& failure) {
    return failure.what();
  }
}

TEST(WriteFailure, NamesAssayHomeOnlyForWhatIsInIt) {
  EXPECT_EQ(message("/elsewhere/out", ENOSPC),
            "/elsewhere/out: cannot be written: No space left on device; free some space, or "
            "choose another place");
  for (const int error : {ENOSPC, EDQUOT, EFBIG, EACCES, EROFS}) {
    EXPECT_THAT(message(assay_home() / "artefacts/a", error), HasSubstr("ASSAY_HOME"));
    EXPECT_THAT(message(assay_home().string() + "-other/a", error), Not(HasSubstr("ASSAY_HOME")));
  }
  EXPECT_THAT(message("/elsewhere/out", EFBIG),
              AllOf(HasSubstr("File too large"), HasSubstr("ulimit -f")));
}

}  // namespace
}  // namespace assay
