#include "harness/checkpoint/safetensors.h"

#include "harness/checkpoint/test_files.h"

namespace assay {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class Safetensors : public testing::Test {
 protected:
  std::string error_of(const std::string& content) {
    write_bytes(file_, content);
    std::string message = user_error_of([&] { (void)open_safetensors(file_); });
    EXPECT_THAT(message, HasSubstr(file_.string()));
    return message;
  }
  std::string header_error(const std::string& header, std::size_t bytes) {
    return error_of(safetensors_bytes(header, std::string(bytes, '\1')));
  }

  TemporaryFolder folder_;
  std::filesystem::path file_ = folder_.path() / "model.safetensors";
};

TEST_F(Safetensors, ReadsTensorsOfEveryDtypeInAnyOrder) {
  const std::string header =
      R"({"__metadata__":{"format":"pt"},
          "b":{"dtype":"BF16","shape":[2],"data_offsets":[4,8]},
          "a":{"dtype":"F32","shape":[1,1],"data_offsets":[0,4]},
          "empty":{"dtype":"I64","shape":[0,3],"data_offsets":[8,8]},
          "scalar":{"dtype":"U8","shape":[],"data_offsets":[8,9]}})";
  write_bytes(file_, safetensors_bytes(header, "aaaabbbbs"));
  const SafetensorsFile file = open_safetensors(file_);
  ASSERT_EQ(file.tensors.size(), 4U);
  EXPECT_EQ(file.tensors[0].name, "a");
  EXPECT_EQ(file.tensors[0].shape, (std::vector<std::int64_t>{1, 1}));
  EXPECT_EQ(file.tensors[1].dtype, "BF16");
  EXPECT_EQ(std::memcmp(file.tensors[1].bytes.data(), "bbbb", 4), 0);
  EXPECT_EQ(file.tensors[3].bytes.size(), 1U);
}

TEST_F(Safetensors, TruncatedBeforeTheHeader) {
  EXPECT_THAT(error_of("abc"), HasSubstr("truncated: 3 bytes"));
  EXPECT_THAT(error_of(""), HasSubstr("truncated: 0 bytes"));
}

TEST_F(Safetensors, HeaderLongerThanTheFile) {
  std::string content = safetensors_bytes("{}", "");
  content[0] = 99;
  EXPECT_THAT(error_of(content), HasSubstr("header length 99 is beyond the limit 2"));
  content[7] = 127;  // a length near 2^63
  EXPECT_THAT(error_of(content), HasSubstr("is beyond the limit 2"));
}

TEST_F(Safetensors, MalformedHeader) {
  EXPECT_THAT(header_error("{\"a\":", 0), HasSubstr("malformed header"));
  EXPECT_THAT(header_error("[]", 0), HasSubstr("no JSON object but array"));
}

TEST_F(Safetensors, TruncatedData) {
  EXPECT_THAT(header_error(R"({"w":{"dtype":"F32","shape":[3],"data_offsets":[0,12]}})", 8),
              HasSubstr("tensor 'w': offsets [0, 12) are outside the 8 bytes"));
}

TEST_F(Safetensors, OffsetsThatRunBackwards) {
  EXPECT_THAT(header_error(R"({"w":{"dtype":"F32","shape":[1],"data_offsets":[8,4]}})", 8),
              HasSubstr("offsets [8, 4)"));
}

TEST_F(Safetensors, OverlappingTensors) {
  EXPECT_THAT(header_error(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},
                               "b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}})",
                           12),
              HasSubstr("tensor 'b' starts at 4 and overlaps another that ends at 8"));
}

TEST_F(Safetensors, HoleBetweenTensors) {
  EXPECT_THAT(header_error(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},
                               "b":{"dtype":"F32","shape":[1],"data_offsets":[8,12]}})",
                           12),
              HasSubstr("hole of 4 bytes before tensor 'b'"));
}

TEST_F(Safetensors, BytesAfterTheLastTensor) {
  EXPECT_THAT(header_error(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})", 10),
              HasSubstr("10 bytes of data, but the tensors cover only 4"));
}

TEST_F(Safetensors, ShapeThatDoesNotFitTheBytes) {
  EXPECT_THAT(
      header_error(R"({"w":{"dtype":"BF16","shape":[2,3],"data_offsets":[0,8]}})", 8),
      HasSubstr("tensor 'w': 8 bytes at offsets [0, 8), but shape [2, 3] of BF16 needs 12"));
}

TEST_F(Safetensors, ShapeThatOverflows) {
  EXPECT_THAT(header_error(R"({"w":{"dtype":"F32","shape":[4611686018427387904,16],
                                    "data_offsets":[0,8]}})",
                           8),
              HasSubstr("overflows"));
  EXPECT_THAT(header_error(R"({"w":{"dtype":"F32","shape":[-1],"data_offsets":[0,8]}})", 8),
              HasSubstr("shape [-1] is no array of counts"));
}

TEST_F(Safetensors, DuplicateName) {
  EXPECT_THAT(header_error(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},
                               "a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})",
                           8),
              HasSubstr("tensor 'a' appears twice"));
}

TEST_F(Safetensors, UnknownDtype) {
  EXPECT_THAT(header_error(R"({"w":{"dtype":"F7","shape":[1],"data_offsets":[0,4]}})", 4),
              AllOf(HasSubstr("tensor 'w': unsupported dtype \"F7\""), HasSubstr("BF16")));
}

TEST_F(Safetensors, EntriesOfTheWrongKind) {
  EXPECT_THAT(header_error(R"({"w":3})", 4), HasSubstr("unsupported dtype null"));
  EXPECT_THAT(header_error(R"({"w":{"dtype":"F32","shape":[1],"data_offsets":[0]}})", 4),
              HasSubstr("no pair of byte counts"));
}

TEST_F(Safetensors, MissingFile) {
  EXPECT_THAT(user_error_of([&] { (void)open_safetensors(folder_.path() / "none"); }),
              HasSubstr("none: no such file"));
  EXPECT_THAT(user_error_of([&] { (void)open_safetensors(folder_.path()); }),
              HasSubstr("no regular file"));
}

}  // namespace
}  // namespace assay
