#include "harness/config/catalogue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include "harness/config/config_fixture.h"
#include "harness/config/profile.h"

namespace assay {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

TEST(Catalogue, KnowsWhatTheFilesAndTheWorkerSay) {
  const Share share;
  const Catalogue catalogue = share.catalogue();
  EXPECT_EQ(catalogue.suite("news-ppl").params, (Json{{"window", 128}}));
  EXPECT_EQ(catalogue.dataset("news").sampling, "stream");
  EXPECT_TRUE(catalogue.method("wanda").needs_calibration);
  EXPECT_EQ(catalogue.suite_kind("decode").stage, "time");
  try {
    (void)catalogue.method("wnada");
    FAIL();
  } catch (const UserError& error) {
    EXPECT_THAT(error.what(), HasSubstr("unknown method 'wnada'; did you mean 'wanda'?"));
  }
}

TEST(Catalogue, ProblemsOfAllFilesComeTogether) {
  const Share share;
  share.write("datasets/suites/bad.toml", "id = \"bad\"\nkind = \"token_pl\"\nsummary = \"s\"\n");
  share.write("datasets/suites/worse.toml",
              "id = \"worse\"\nkind = \"token_ppl\"\ndataset = \"nws\"\nsplit = \"x\"\n"
              "summary = \"s\"\n[params]\nwindw = 5\nlimit = -1\n");
  share.write("hardware_profiles/fast.toml",
              "id = \"quick\"\nsummary = \"s\"\ndevice = \"gpu\"\nthreads = -2\n"
              "memory_limit = \"8 GB\"\n");
  share.write("models/broken.toml", "name = ");
  EXPECT_EQ(
      share.catalogue_problems(),
      "datasets/suites/bad.toml:2:8: unknown suite kind 'token_pl'; did you mean 'token_ppl'? "
      "known: classification, decode, multiple_choice, token_ppl\n"
      "datasets/suites/worse.toml:3:11: unknown dataset 'nws'; did you mean 'news'? known: news, "
      "piqa\n"
      "datasets/suites/worse.toml:7:1: unknown key 'windw' in [params] of kind 'token_ppl'; did "
      "you mean 'window'? known: limit, window\n"
      "datasets/suites/worse.toml:8:9: limit = -1 is outside >= 0\n"
      "hardware_profiles/fast.toml:1:6: id = 'quick', but the file is fast.toml; give both the "
      "same name\n"
      "hardware_profiles/fast.toml:3:10: device = \"gpu\" in fast.toml is not allowed; give cpu, "
      "cuda or cuda:N with N from 0 to 127\n"
      "hardware_profiles/fast.toml:4:11: threads = -2 in fast.toml is not allowed; give an integer "
      "in [0, 4096]\n"
      "hardware_profiles/fast.toml:5:16: memory_limit = \"8 GB\" in fast.toml is not allowed; give "
      "a size such as \"8 GiB\", up to 1024 TiB\n"
      "models/broken.toml:1:8: not valid TOML: Error while parsing key-value pair: encountered "
      "end-of-file");
}

TEST(Catalogue, ADatasetIsCheckedSplitBySplit) {
  const Share share;
  share.write("datasets/odd.toml",
              "name = \"odd\"\nsummary = \"s\"\nlicence = \"l\"\nsource = \"s\"\nkind = \"text\"\n"
              "join = \"lines\"\nsampling = \"lines\"\n[splits.a]\nfile = \"x\"\n"
              "[splits.b]\nfiles = [\"x\", \"y\"]\nsha256 = [\"0\"]\nfetch = { from = \"ftp\" }\n");
  EXPECT_EQ(share.catalogue_problems(),
            "datasets/odd.toml:7:12: sampling = \"lines\" in odd.toml is not allowed; give one of "
            "documents, stream\n"
            "datasets/odd.toml:8:1: [splits.a] has no key 'files'; add it\n"
            "datasets/odd.toml:9:1: unknown key 'file' in [splits.a]; did you mean 'files'? known: "
            "documents, fetch, files, sha256\n"
            "datasets/odd.toml:12:10: 1 hashes for 2 files; give one for each\n"
            "datasets/odd.toml:13:18: from = \"ftp\" in fetch is not allowed; give one of pypi, "
            "hub");
}

TEST(Catalogue, ALabelledDatasetHasColumnsAndClasses) {
  const Share share;
  share.write("datasets/films.toml", kFilms);
  share.write("datasets/suites/films.toml", kFilmSuite);
  const Catalogue catalogue = share.catalogue();
  EXPECT_EQ(catalogue.dataset("films").kind, "labelled");
  EXPECT_EQ(catalogue.suite("films").params, (Json{{"max_tokens", 64}}));
  share.write("datasets/pairs.toml",
              "name = \"pairs\"\nsummary = \"s\"\nlicence = \"l\"\nsource = \"s\"\n"
              "kind = \"labelled\"\ntext = [\"a\", \"b\"]\nlabel = \"c\"\nseparator = \"\\n\"\n"
              "labels = { no = 0, yes = 1, perhaps = 2 }\n[splits.a]\nfiles = [\"x\"]\n");
  EXPECT_EQ(share.catalogue_problems(), "");
}

TEST(Catalogue, MistakesInALabelledDatasetAreNamed) {
  const Share share;
  const std::string rest =
      "summary = \"s\"\nlicence = \"l\"\nsource = \"s\"\nkind = \"labelled\"\n";
  const std::string split = "[splits.a]\nfiles = [\"x\"]\n";
  share.write("datasets/one.toml", "name = \"one\"\n" + rest + split);
  share.write("datasets/two.toml", "name = \"two\"\n" + rest +
                                       "text = [\"a\", \"b\"]\nlabel = \"\"\n"
                                       "labels = { no = 0, yes = 2, perhaps = 0 }\n" +
                                       split);
  share.write("datasets/zoo.toml",
              "name = \"zoo\"\n" + rest +
                  "text = [\"a\", \"b\", \"c\"]\nlabel = \"d\"\n"
                  "labels = { no = 0, yes = 3, other = -1 }\njoin = \"lines\"\n"
                  "separator = \" \"\n" +
                  split);
  EXPECT_EQ(
      share.catalogue_problems(),
      "datasets/one.toml:1:1: one.toml has no key 'text'; add it\n"
      "datasets/one.toml:1:1: one.toml has no key 'label'; add it\n"
      "datasets/one.toml:1:1: one.toml has no key 'labels'; add it\n"
      "datasets/two.toml:1:1: two.toml has no key 'separator'; add it\n"
      "datasets/two.toml:7:9: label = \"\" in two.toml is not allowed; give a text that is not "
      "empty\n"
      "datasets/two.toml:8:39: labels gives 0 to two classes; give each of 0 to 2 once\n"
      "datasets/zoo.toml:6:8: text names 3 columns; name one, or the two of a pair\n"
      "datasets/zoo.toml:8:26: yes = 3 in labels is not allowed; give an integer in [0, 2]\n"
      "datasets/zoo.toml:8:37: other = -1 in labels is not allowed; give an integer in [0, 2]\n"
      "datasets/zoo.toml:10:1: unknown key 'separator' in zoo.toml; known: join, kind, label, "
      "labels, licence, name, sampling, source, splits, summary, text");
}

TEST(Catalogue, ASuiteNeedsADatasetOfItsKind) {
  const Share share;
  share.write("datasets/films.toml", kFilms);
  share.write("datasets/suites/films.toml",
              "id = \"films\"\nkind = \"token_ppl\"\ndataset = \"films\"\nsplit = \"dev\"\n"
              "summary = \"s\"\n");
  share.write("datasets/suites/more.toml",
              "id = \"more\"\nkind = \"classification\"\ndataset = \"piqa\"\n"
              "split = \"validation\"\nsummary = \"s\"\n");
  EXPECT_EQ(share.catalogue_problems(),
            "datasets/suites/films.toml:3:11: data set 'films' is of kind \"labelled\", suite kind "
            "'token_ppl' needs \"text\"; name another data set\n"
            "datasets/suites/more.toml:3:11: data set 'piqa' is of kind \"items\", suite kind "
            "'classification' needs \"labelled\"; name another data set");
}

TEST(Catalogue, AModelOutOfAWheelIsOneFileOrAFolder) {
  const Share share;
  const std::string head = "summary = \"s\"\nlicence = \"l\"\n";
  const std::string wheel = "[source]\npackage = \"p\"\nversion = \"1\"\nsha256 = \"0\"\n";
  share.write("models/good.toml",
              "name = \"good\"\n" + head + "importer = \"folder\"\n" + wheel +
                  "folder = \"p/model\"\nfiles = { \"config.json\" = \"0\" }\n");
  EXPECT_EQ(share.catalogue().models.at(0).source, "PyPI p 1");
  share.write("models/bad.toml", "name = \"bad\"\n" + head + "importer = \"folder\"\n" + wheel +
                                     "file = \"p/model\"\n");
  share.write("models/worse.toml",
              "name = \"worse\"\n" + head + "importer = \"gguf\"\n" + wheel + "folder = \"p\"\n");
  EXPECT_EQ(
      share.catalogue_problems(),
      "models/bad.toml:5:1: [source] has no key 'folder'; add it\n"
      "models/bad.toml:5:1: no [source.files]; add it\n"
      "models/bad.toml:9:1: unknown key 'file' in [source]; did you mean 'files'? known: files, "
      "folder, package, sha256, size, version\n"
      "models/worse.toml:5:1: [source] has no key 'file'; add it\n"
      "models/worse.toml:9:1: unknown key 'folder' in [source]; known: file, file_sha256, "
      "package, sha256, size, version");
}

TEST(Catalogue, AModelOfTheHubHasARepositoryAndPerhapsASize) {
  const Share share;
  const auto write = [&](const std::string& name, const std::string& source) {
    share.write("models/" + name + ".toml", "name = \"" + name +
                                                "\"\nsummary = \"s\"\nlicence = \"l\"\nimporter = "
                                                "\"hub\"\n[source]\n" +
                                                source);
  };
  write("good", "repository = \"tiny/opt\"\nrevision = \"v2\"\nsize = \"13.5 GB\"\n");
  const ModelEntry good = share.catalogue().models.at(0);
  EXPECT_EQ(good.hub, "tiny/opt@v2");
  EXPECT_EQ(good.bytes, 13'500'000'000);
  EXPECT_EQ(good.source, "Hugging Face Hub tiny/opt@v2");
  write("bad", "repository = \"a/b/c\"\nsize = \"13 GiB\"\npackage = \"p\"\n");
  write("worse", "size = \"0 MB\"\n");
  EXPECT_THAT(share.catalogue_problems(),
              AllOf(HasSubstr("bad.toml:6:14: 'a/b/c' names no model of the Hugging Face Hub"),
                    HasSubstr("bad.toml:7:8: size = \"13 GiB\" in [source] is not allowed; give a "
                              "size such as \"13.3 GB\" or \"98 MB\""),
                    HasSubstr("bad.toml:8:1: unknown key 'package' in [source]"),
                    HasSubstr("worse.toml:5:1: [source] has no key 'repository'"),
                    HasSubstr("worse.toml:6:8: size = \"0 MB\"")));
}

TEST(Catalogue, AWorkerOfAnotherVersionIsRefused) {
  const Share share;
  Json description = worker_description();
  description["version"] = 2;
  EXPECT_THROW((void)read_catalogue(share.path(), description), UserError);
  description = worker_description();
  description["methods"][0].erase("params");
  EXPECT_THROW((void)read_catalogue(share.path(), description), UserError);
}

TEST(Catalogue, ModelFoldersOfTheUserAreFound) {
  const Share share;
  std::filesystem::create_directories(share.path() / "mine" / "tiny");
  share.write("mine/tiny/config.json", "{}");
  ::setenv("ASSAY_MODELS", (share.path() / "mine").c_str(), 1);
  const Catalogue catalogue = share.catalogue();
  ::unsetenv("ASSAY_MODELS");
  ASSERT_FALSE(catalogue.models.empty());
  EXPECT_EQ(catalogue.models[0].name, "tiny");
  EXPECT_EQ(catalogue.models[0].summary, "folder " + (share.path() / "mine" / "tiny").string());
}

TEST(Profile, MemoryLimitAndThreadsEnterTheFingerprint) {
  const Share share;
  share.write("hardware_profiles/pinned.toml",
              "# a remark\nid = \"pinned\"\nsummary = \"s\"\ncores = [0]\nthreads = 1\n"
              "memory_limit = \"8 GiB\"\ndtype = \"bf16\"\n");
  const ProfileEntry profile = share.catalogue().profile("pinned");
  EXPECT_EQ(profile.memory_limit_bytes, std::int64_t{8} << 30);
  EXPECT_EQ(profile.fingerprint().at("threads"), 1);
  EXPECT_EQ(profile.fingerprint().at("dtype"), "bf16");
  ProfileEntry renamed = profile;
  renamed.id = "other";
  renamed.summary = "another text";
  EXPECT_EQ(renamed.fingerprint(), profile.fingerprint());
  renamed.threads = 0;
  renamed.cores.clear();
  EXPECT_GE(renamed.fingerprint().at("threads"), 1);
}

TEST(Profile, ExtendsAnotherAndChangesWhatItSays) {
  const Share share;
  share.write("hardware_profiles/base.toml",
              "id = \"base\"\nsummary = \"s\"\nthreads = 1\ndtype = \"bf16\"\n"
              "features = [\"avx2\"]\n[floors]\ngemm_gflops = 100\nbandwidth_gb_s = 20\n");
  share.write("hardware_profiles/child.toml",
              "id = \"child\"\nsummary = \"t\"\nextends = \"base\"\nthreads = 2\n"
              "[floors]\ngemm_gflops = 150\n");
  const Catalogue catalogue = share.catalogue();
  const ProfileEntry& child = catalogue.profile("child");
  EXPECT_EQ(child.summary, "t");
  EXPECT_EQ(child.threads, 2);
  EXPECT_EQ(child.dtype, "bf16");
  EXPECT_EQ(child.features, std::vector<std::string>{"avx2"});
  EXPECT_EQ(child.floors.gemm_gflops, 150);
  EXPECT_EQ(child.floors.bandwidth_gb_s, 20);
  EXPECT_TRUE(child.asks_something());
  EXPECT_FALSE(catalogue.profile("cpu").asks_something());
}

TEST(Profile, BadParentsAndFloorsAreNamed) {
  const Share share;
  share.write("hardware_profiles/a.toml", "id = \"a\"\nsummary = \"s\"\nextends = \"b\"\n");
  share.write("hardware_profiles/b.toml", "id = \"b\"\nsummary = \"s\"\nextends = \"a\"\n");
  share.write("hardware_profiles/c.toml",
              "id = \"c\"\nsummary = \"s\"\nextends = \"none\"\n[floors]\ngemm_gflops = -1\n");
  try {
    (void)share.catalogue();
    FAIL();
  } catch (const UserError& error) {
    EXPECT_THAT(error.what(), HasSubstr("a.toml:3:11: extends = "));
    EXPECT_THAT(error.what(), HasSubstr("circle"));
    EXPECT_THAT(error.what(), HasSubstr("c.toml:3:11: extends = 'none': no profile of that name"));
    EXPECT_THAT(error.what(), HasSubstr("c.toml:5:15: gemm_gflops = -1"));
  }
}

TEST(Profile, MoreThanTheMachineHasFailsWhenUsedOnly) {
  const Share share;
  share.write("hardware_profiles/huge.toml", "id = \"huge\"\nsummary = \"s\"\nthreads = 4096\n");
  share.write("hardware_profiles/far.toml", "id = \"far\"\nsummary = \"s\"\ncores = [60000]\n");
  const Catalogue catalogue = share.catalogue();
  EXPECT_THROW(check_profile_fits(catalogue.profile("huge")), MachineError);
  EXPECT_THROW(check_profile_fits(catalogue.profile("far")), MachineError);
  EXPECT_NO_THROW(check_profile_fits(catalogue.profile("cpu")));
}

}  // namespace
}  // namespace assay
