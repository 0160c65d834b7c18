// Files of strangers: each fault with the file's name and the exit code of whose it is.

#include "harness/base/input_file.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <filesystem>
#include <system_error>
#include <vector>

#include "harness/base/cell_errors.h"
#include "harness/base/clock.h"
#include "harness/base/file_identity.h"
#include "harness/base/files.h"
#include "harness/base/hashing.h"

namespace assay {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;

class InputFile : public testing::Test {
 protected:
  InputFile() : folder_(fs::temp_directory_path() / ("assay-input-" + new_uuid())) {
    fs::create_directories(folder_);
  }
  ~InputFile() override { fs::remove_all(folder_); }
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;

  static std::string refusal_of(const fs::path& path) {
    for (const auto& read : {+[](const fs::path& p) { (void)read_text_file(p); },
                             +[](const fs::path& p) { (void)sha256_file(p); }}) {
      try {
        read(path);
        return "";
      } catch (const FileError& error) {
        EXPECT_THAT(error.what(), HasSubstr(path.string()));
        last_ = error.what();
      }
    }
    return last_;
  }

  fs::path folder_;
  static inline std::string last_;
};

TEST_F(InputFile, ReadsAllOrAsMuchAsIsAsked) {
  write_file_atomically(folder_ / "a", "12345");
  EXPECT_EQ(read_text_file(folder_ / "a"), "12345");
  EXPECT_EQ(read_text_file(folder_ / "a", 3), "123");
  write_file_atomically(folder_ / "empty", "");
  EXPECT_EQ(read_text_file(folder_ / "empty"), "");
}

TEST_F(InputFile, SaysWhatIsThereInstead) {
  EXPECT_THAT(refusal_of(folder_), HasSubstr("is a folder; give a file"));
  EXPECT_THAT(refusal_of(folder_ / "nothing"), HasSubstr("no such file"));
  ASSERT_EQ(::mkfifo((folder_ / "pipe").c_str(), 0600), 0);
  EXPECT_THAT(refusal_of(folder_ / "pipe"), HasSubstr("is a pipe, device or socket"));
  EXPECT_THAT(refusal_of("/dev/zero"), HasSubstr("is a pipe, device or socket"));
  fs::create_symlink("loop", folder_ / "loop");
  EXPECT_THAT(refusal_of(folder_ / "loop"), HasSubstr("cannot be read: Too many levels"));
  EXPECT_THAT(refusal_of(folder_ / std::string(300, 'x')), HasSubstr("File name too long"));
  write_file_atomically(folder_ / "a", "");
  EXPECT_THAT(refusal_of(folder_ / "a" / "b"), HasSubstr("Not a directory"));
}

TEST_F(InputFile, ALimitOfOpenFilesIsTheMachinesFault) {
  write_file_atomically(folder_ / "a", "x");
  struct rlimit before {};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const struct rlimit none { 3, before.rlim_max };
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  std::string said;
  try {
    (void)read_text_file(folder_ / "a");
  } catch (const MachineError& error) {
    said = error.what();
  }
  try {
    (void)files_of_folder(folder_, ".toml");
  } catch (const MachineError& error) {
    said += error.what();
  }
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_THAT(said, AllOf(HasSubstr("/a: cannot be read: Too many open files"),
                          HasSubstr("ulimit -n"), HasSubstr(folder_.string() + ": cannot")));
}

TEST_F(InputFile, WhatTheSystemRefusesIsNoBugOfOurs) {
  const auto code_of_error = [](const std::exception_ptr& error) {
    try {
      std::rethrow_exception(error);
    } catch (...) {
      return exit_code_of_current_exception();
    }
  };
  const auto of = [&](std::errc error) {
    return code_of_error(
        std::make_exception_ptr(fs::filesystem_error("status", "x", std::make_error_code(error))));
  };
  EXPECT_EQ(of(std::errc::filename_too_long), ExitCode::kBadInput);
  EXPECT_EQ(of(std::errc::permission_denied), ExitCode::kBadInput);
  EXPECT_EQ(of(std::errc::too_many_files_open), ExitCode::kNotMeasured);
  EXPECT_EQ(of(std::errc::no_space_on_device), ExitCode::kNotMeasured);
  EXPECT_EQ(code_of_error(std::make_exception_ptr(std::bad_alloc())), ExitCode::kNotMeasured);
  EXPECT_EQ(code_of_error(std::make_exception_ptr(std::logic_error("x"))), ExitCode::kBug);
}

TEST_F(InputFile, DatesBeyondTheClockKeepAFileReadable) {
  write_file_atomically(folder_ / "a", "x");
  for (const std::int64_t seconds : {std::int64_t{10'000'000'000}, std::int64_t{-10'000'000'000}}) {
    const struct timespec times[2] = {{seconds, 0}, {seconds, 999'999'999}};
    if (::utimensat(AT_FDCWD, (folder_ / "a").c_str(), times, 0) != 0) continue;
    const FileIdentity identity = file_identity(folder_ / "a");
    EXPECT_EQ(identity.mtime_ns > 0, seconds > 0) << "the nearest, not one that went round";
    EXPECT_TRUE(identity.settled(identity.ctime_ns + 10'000'000'000));
  }
}

TEST(EntriesOfFolder, AreNoneOnlyWhereThereIsNoFolder) {
  const fs::path file = fs::path(testing::TempDir()) / "entries_of_folder_test";
  write_file_atomically(file, "a file");
  EXPECT_TRUE(entries_of_folder(file / "below").empty());
  EXPECT_TRUE(entries_of_folder(file.string() + ".none").empty());
  EXPECT_THROW((void)entries_of_folder(file), FileError);
  fs::remove(file);
}

}  // namespace
}  // namespace assay
