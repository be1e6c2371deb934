// The folder of evidence: its quota, what an earlier run left, and places that cannot be written.
#include "sensor/output/evidence.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace pickletap {
namespace {

namespace fs = std::filesystem;

class EvidenceFolderTest : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "pickletap-evidence-XXXXXX").string();
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    path_ = name;
  }
  void TearDown() override { fs::remove_all(path_); }
  uint64_t bytes_there() const {
    uint64_t bytes = 0;
    for (const auto& entry : fs::directory_iterator(path_)) bytes += entry.file_size();
    return bytes;
  }
  fs::path path_;
};

TEST_F(EvidenceFolderTest, DeletesTheOldestForTheQuota) {
  EvidenceFolder folder(path_.string(), 1000);
  for (int i = 0; i < 10; ++i) {
    ASSERT_TRUE(folder.write(std::to_string(i) + ".pcapng", std::string(300, 'x')));
    EXPECT_LE(bytes_there(), 1000U);
  }
  EXPECT_EQ(folder.counters().deleted, 7U);
  EXPECT_FALSE(fs::exists(path_ / "6.pcapng"));
  EXPECT_TRUE(fs::exists(path_ / "7.pcapng"));
  EXPECT_TRUE(fs::exists(path_ / "9.pcapng"));
}

TEST_F(EvidenceFolderTest, CountsWhatAnEarlierRunLeftAndNothingElse) {
  std::ofstream(path_ / "notes.txt") << std::string(5000, 'n');
  { EvidenceFolder(path_.string(), 1000).write("old.pcapng", std::string(800, 'x')); }
  EvidenceFolder folder(path_.string(), 1000);
  ASSERT_TRUE(folder.write("new.pickle", std::string(300, 'y')));
  EXPECT_FALSE(fs::exists(path_ / "old.pcapng"));
  EXPECT_TRUE(fs::exists(path_ / "notes.txt"));
}

TEST_F(EvidenceFolderTest, ALaterVersionTakesThePlaceOfTheFirst) {
  EvidenceFolder folder(path_.string(), 1000);
  ASSERT_TRUE(folder.write("a.pcapng", std::string(600, 'x')));
  ASSERT_TRUE(folder.write("a.pcapng", std::string(700, 'y')));
  EXPECT_EQ(bytes_there(), 700U);
  EXPECT_EQ(folder.counters().deleted, 0U);
  for (unsigned i = 0; i < EvidenceFolder::kMaxVersions; ++i) EXPECT_TRUE(folder.wants("a"));
  EXPECT_FALSE(folder.wants("a"));
  EXPECT_EQ(folder.counters().left_out, 1U);
}

TEST_F(EvidenceFolderTest, FailuresAreCounted) {
  EvidenceFolder folder((path_ / "none").string(), 1000);
  EXPECT_FALSE(folder.write("a.pcapng", "x"));
  EXPECT_FALSE(folder.write("b.pcapng", std::string(2000, 'x'))) << "larger than the quota";
  EXPECT_EQ(folder.counters().failed, 2U);
}

TEST_F(EvidenceFolderTest, WhatACrashLeftHalfWrittenIsRemoved) {
  std::ofstream(path_ / "1-rule.pcapng.new") << "half";
  std::ofstream(path_ / "2-rule.pickle.new") << "half";
  std::ofstream(path_ / "eve.json.new") << "not ours";
  EvidenceFolder folder(path_.string(), 1000);
  EXPECT_FALSE(fs::exists(path_ / "1-rule.pcapng.new"));
  EXPECT_FALSE(fs::exists(path_ / "2-rule.pickle.new"));
  EXPECT_TRUE(fs::exists(path_ / "eve.json.new"));
}

TEST_F(EvidenceFolderTest, NothingIsMissedWhereAnEarlierVersionIs) {
  EvidenceFolder folder(path_.string(), 1000);
  ASSERT_TRUE(folder.write("a.pcapng", "x"));
  folder.miss("a");
  EXPECT_EQ(folder.counters().missed, 0U);
  folder.miss("b");
  EXPECT_EQ(folder.counters().missed, 1U);
}

TEST_F(EvidenceFolderTest, LookingAgainTakesWhatOthersDeletedForGone) {
  EvidenceFolder folder(path_.string(), 1000);
  ASSERT_TRUE(folder.write("a.pcapng", std::string(900, 'x')));
  fs::remove(path_ / "a.pcapng");
  folder.look();
  ASSERT_TRUE(folder.write("b.pcapng", std::string(900, 'x')));
  EXPECT_EQ(folder.counters().deleted, 0U);
}

}  // namespace
}  // namespace pickletap
