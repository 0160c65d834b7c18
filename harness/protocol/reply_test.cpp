#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <fstream>
#include <limits>
#include <sstream>
#include <thread>

#include "harness/protocol/protocol.h"

namespace assay {
namespace {

/// Writer into a file that is read back as lines.
class Recorded {
 public:
  Recorded() : file_(std::tmpfile()), writer(::fileno(file_)) {}
  ~Recorded() { std::fclose(file_); }
  Recorded(const Recorded&) = delete;
  Recorded& operator=(const Recorded&) = delete;

  std::vector<std::string> lines() {
    std::rewind(file_);
    std::string text;
    for (int c = std::fgetc(file_); c != EOF; c = std::fgetc(file_)) {
      text += static_cast<char>(c);
    }
    std::vector<std::string> result;
    std::istringstream stream(text);
    for (std::string line; std::getline(stream, line);) result.push_back(line);
    return result;
  }
  WorkerReply read() {
    ReplyReader reader;
    for (const std::string& line : lines()) reader.feed(line);
    return reader.reply();
  }

 private:
  std::FILE* file_;

 public:
  ReplyWriter writer;
};

TEST(Reply, RoundTripKeepsEverything) {
  Recorded recorded;
  ReplyWriter& writer = recorded.writer;
  writer.hello({{"blas", "mkl"}});
  writer.heartbeat();
  writer.metric({"ppl", 0.1, 0.2, -1e-300, 1e300, 7, "delta", ""});
  writer.metric({"acc", {}, {}, {}, {}, 0, "", "no items"});
  writer.items(
      {{3, "hash", true, 2.0, 1.0 / 3, 5e-324, 17, "out", {{"own", 0.1}, {"a/b", -1e-300}}},
       {4, "h2", {}, {}, {}, {}, 1, ""}});
  writer.samples({{"t", 0, 0.1 + 0.2, true}, {"t", 1, 2.5, false}});
  writer.fingerprint({{1.5, -0.1}});
  writer.event("warning", "cholesky_retry", "layer 3 q: \xF0\x9F\x98\x80 \"quoted\"\n");
  writer.outcome({Outcome::kUnmet, "bad_input", "too short"});
  writer.bye();
  const WorkerReply reply = recorded.read();
  EXPECT_TRUE(reply.complete);
  EXPECT_EQ(reply.environment, Json({{"blas", "mkl"}}));
  ASSERT_EQ(reply.metrics.size(), 2U);
  EXPECT_EQ(to_json(reply.metrics[0]),
            to_json(MetricValue{"ppl", 0.1, 0.2, -1e-300, 1e300, 7, "delta", ""}));
  EXPECT_FALSE(reply.metrics[1].value);
  EXPECT_EQ(reply.metrics[1].null_reason, "no items");
  ASSERT_EQ(reply.items.size(), 2U);
  EXPECT_EQ(reply.items[0].nll, 1.0 / 3);
  EXPECT_EQ(reply.items[0].kld, 5e-324);
  EXPECT_EQ(reply.items[0].correct, true);
  EXPECT_EQ(reply.items[0].values, (std::map<std::string, double>{{"own", 0.1}, {"a/b", -1e-300}}));
  EXPECT_FALSE(reply.items[1].correct);
  EXPECT_TRUE(reply.items[1].values.empty());
  ASSERT_EQ(reply.samples.size(), 2U);
  EXPECT_EQ(reply.samples[0].value, 0.1 + 0.2);
  EXPECT_TRUE(reply.samples[0].warmup);
  EXPECT_FALSE(reply.samples[1].warmup);
  EXPECT_EQ(reply.fingerprint->values, (std::vector<double>{1.5, -0.1}));
  EXPECT_EQ(reply.events.at(0).text, "layer 3 q: \xF0\x9F\x98\x80 \"quoted\"\n");
  EXPECT_EQ(reply.outcome->outcome, Outcome::kUnmet);
  EXPECT_EQ(reply.outcome->code, "bad_input");
}

TEST(Reply, NonFiniteNumbersBecomeEvents) {
  const double nan = std::nan(""), infinity = std::numeric_limits<double>::infinity();
  Recorded recorded;
  recorded.writer.hello(Json::object());
  recorded.writer.metric({"ppl", nan, infinity, {}, {}, 7, "delta", ""});
  recorded.writer.samples({{"t", 0, infinity, false}, {"t", 1, 2.0, false}});
  recorded.writer.items({{3, "hash", {}, {}, -infinity, {}, 17, "", {{"a", nan}, {"b", 1}}}});
  recorded.writer.fingerprint({{nan}});
  const WorkerReply reply = recorded.read();
  ASSERT_EQ(reply.metrics.size(), 1U);
  EXPECT_FALSE(reply.metrics[0].value || reply.metrics[0].std_error);
  EXPECT_EQ(reply.metrics[0].null_reason, "not finite");
  ASSERT_EQ(reply.samples.size(), 1U);
  EXPECT_EQ(reply.samples[0].index, 1);
  EXPECT_FALSE(reply.items.at(0).nll);
  EXPECT_FALSE(reply.fingerprint);
  EXPECT_EQ(reply.items.at(0).values, (std::map<std::string, double>{{"b", 1}}));
  ASSERT_EQ(reply.events.size(), 6U);
  for (const auto& event : reply.events) EXPECT_EQ(event.code, "non_finite");
}

TEST(Reply, LargeBatchesAreSplitAndKeepTheirOrder) {
  Recorded recorded;
  recorded.writer.hello(Json::object());
  std::vector<Sample> samples(12345);
  for (std::size_t i = 0; i < samples.size(); ++i) {
    samples[i] = {"t", static_cast<std::int64_t>(i), 0.1 * static_cast<double>(i), false};
  }
  recorded.writer.samples(samples);
  for (const std::string& line : recorded.lines()) EXPECT_LT(line.size(), 200000U);
  const WorkerReply reply = recorded.read();
  ASSERT_EQ(reply.samples.size(), samples.size());
  for (std::size_t i = 0; i < samples.size(); ++i) {
    ASSERT_EQ(to_json(reply.samples[i]), to_json(samples[i]));
  }
}

TEST(Reply, WritersOfSeveralThreadsDoNotMix) {
  Recorded recorded;
  recorded.writer.hello(Json::object());
  {
    std::vector<std::jthread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([&] {
        for (int i = 0; i < 500; ++i) recorded.writer.progress(i, 500, std::string(100, 'x'));
      });
    }
  }
  EXPECT_NO_THROW(recorded.read());
  EXPECT_EQ(recorded.lines().size(), 2001U);
}

TEST(Reply, TextThatIsNotUtf8StillGetsThrough) {
  Recorded recorded;
  recorded.writer.hello(Json::object());
  recorded.writer.outcome({Outcome::kCrashed, "error", "bad \xFF byte"});
  EXPECT_EQ(recorded.read().outcome->code, "error");
}

TEST(Reply, ClosedDescriptorIsReported) {
  ReplyWriter writer(-1);
  EXPECT_THROW(writer.heartbeat(), std::system_error);
}

const char* const kHello = R"({"v":2,"t":"hello","n":0,"environment":{}})";

TEST(ReplyReader, ReportsProgress) {
  ReplyReader reader;
  EXPECT_FALSE(reader.feed(kHello));
  const auto progress =
      reader.feed(R"({"v":2,"t":"progress","n":1,"done":3,"total":9,"what":"fit"})");
  ASSERT_TRUE(progress);
  EXPECT_EQ(progress->done, 3);
  EXPECT_EQ(progress->total, 9);
  EXPECT_EQ(progress->what, "fit");
}

class MalformedLines : public ::testing::TestWithParam<const char*> {};

TEST_P(MalformedLines, AreRefusedAndLeaveNothing) {
  ReplyReader reader;
  reader.feed(kHello);
  EXPECT_THROW(reader.feed(GetParam()), std::runtime_error);
  EXPECT_TRUE(reader.reply().metrics.empty() && reader.reply().samples.empty() &&
              reader.reply().items.empty() && reader.reply().events.empty());
  EXPECT_FALSE(reader.reply().outcome || reader.reply().fingerprint || reader.reply().complete);
}

INSTANTIATE_TEST_SUITE_P(
    All, MalformedLines,
    ::testing::Values(
        "", "x", "{", "[]", "1", "null", R"({"v":2,"t":"heartbeat","n":1)",
        R"({"v":2,"t":"heartbeat","n":1}x)",   // trailing
        R"({"v":1,"t":"heartbeat","n":1})",    // version
        R"({"t":"heartbeat","n":1})",          // no version
        R"({"v":2.0,"t":"heartbeat","n":1})",  // version's type
        R"({"v":2,"t":"heartbeat","n":2})",    // gap
        R"({"v":2,"t":"heartbeat","n":0})",    // repeated
        R"({"v":2,"t":"heartbeat"})",          // no number
        R"({"v":2,"n":1})",                    // no type
        R"({"v":2,"t":5,"n":1})",              // type's type
        R"({"v":2,"t":"gossip","n":1})",       // unknown type
        R"({"v":2,"t":"progress","n":1,"done":18446744073709551615,"total":9,"what":""})",
        R"({"v":2,"t":"hello","n":1,"environment":{}})",                   // second hello
        R"({"v":2,"t":"heartbeat","n":1,"extra":1})",                      // unknown key
        R"({"v":2,"t":"metric","n":1,"metric":{"tag":"a"}})",              // no count
        R"({"v":2,"t":"metric","n":1,"metric":{"n":1}})",                  // no tag
        R"({"v":2,"t":"samples","n":1,"batch":[{"tag":"t","index":0}]})",  // no value
        R"({"v":2,"t":"samples","n":1,"batch":[{"tag":"t","index":0,"value":NaN}]})",
        R"({"v":2,"t":"samples","n":1,"batch":[{"tag":"t","index":0,"value":1e999}]})",
        R"({"v":2,"t":"samples","n":1,"batch":{}})",
        R"({"v":2,"t":"samples","n":1,"batch":[{"tag":"t","index":0,"value":1},{"tag":"t"}]})",
        R"({"v":2,"t":"items","n":1,"batch":[{"item":0,"item_hash":"h"}]})",
        R"({"v":2,"t":"items","n":1,"batch":[{"item":0,"item_hash":"h","tokens":1,"correct":1}]})",
        R"({"v":2,"t":"items","n":1,"batch":[{"item":0,"item_hash":"h","tokens":1,"values":[1]}]})",
        R"({"v":2,"t":"items","n":1,"batch":[{"item":0,"item_hash":"h","tokens":1,"values":{"a":"x"}}]})",
        R"({"v":2,"t":"fingerprint","n":1,"values":["x"]})",
        R"({"v":2,"t":"outcome","n":1,"status":"GOOD","code":"","text":""})",
        R"({"v":2,"t":"outcome","n":1,"status":"RUNNING","code":"","text":""})",
        R"({"v":2,"t":"progress","n":1,"done":1.5,"total":2,"what":""})",
        R"({"v":2,"t":"event","n":1,"level":"info","code":"c"})"));

TEST(ReplyReader, HelloComesFirst) {
  ReplyReader reader;
  EXPECT_THROW(reader.feed(R"({"v":2,"t":"heartbeat","n":0})"), std::runtime_error);
}

TEST(ReplyReader, NothingAfterBye) {
  ReplyReader reader;
  reader.feed(kHello);
  reader.feed(R"({"v":2,"t":"bye","n":1})");
  EXPECT_TRUE(reader.reply().complete);
  EXPECT_THROW(reader.feed(R"({"v":2,"t":"heartbeat","n":2})"), std::runtime_error);
}

TEST(ReplyReader, OneOutcomeOnly) {
  ReplyReader reader;
  reader.feed(kHello);
  reader.feed(R"({"v":2,"t":"outcome","n":1,"status":"OK","code":"","text":""})");
  EXPECT_THROW(reader.feed(R"({"v":2,"t":"outcome","n":2,"status":"OK","code":"","text":""})"),
               std::runtime_error);
}

TEST(ReplyReader, BoundsTheLineAndTheWhole) {
  ReplyReader line_reader;
  line_reader.feed(kHello);
  const std::string head = R"({"v":2,"t":"event","n":1,"level":"info","code":"c","text":")";
  EXPECT_THROW(line_reader.feed(head + std::string(kMaxLineBytes, 'x') + "\"}"),
               std::runtime_error);
  ReplyReader reader;
  reader.feed(kHello);
  const std::string padding(kMaxLineBytes - 200, ' ');
  std::int64_t n = 1;
  EXPECT_THROW(
      {
        for (; n < 100; ++n) {
          reader.feed(R"({"v":2,"t":"heartbeat","n":)" + std::to_string(n) + padding + "}");
        }
      },
      std::runtime_error);
  EXPECT_GT(n, 60);
}

TEST(ReplyReader, SurvivesEveryTruncationAndByteChange) {
  const std::string line =
      R"({"v":2,"t":"items","n":1,"batch":[{"item":0,"item_hash":"h","tokens":1,"nll":0.5}]})";
  int refused = 0;
  for (std::size_t at = 0; at < line.size(); ++at) {
    for (const char replacement : {'\0', '"', '{', ']', '9', '-', '\xFF'}) {
      std::string changed = line;
      changed[at] = replacement;
      for (const std::string& candidate : {changed, line.substr(0, at)}) {
        ReplyReader reader;
        reader.feed(kHello);
        try {
          reader.feed(candidate);
        } catch (const std::runtime_error&) {
          ++refused;
        }
      }
    }
  }
  EXPECT_GT(refused, static_cast<int>(line.size()) * 7);
}

}  // namespace
}  // namespace assay
