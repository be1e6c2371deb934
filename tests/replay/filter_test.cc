// BPF filters, on the command line and in the configuration: they restrict what is seen, and what is seen stays the same.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/replay/captures.h"

namespace pickletap::test {
namespace {

constexpr const char* kPort = "50217";  // attack-ipv6.pcap's listener; a test below holds it against the manifest

std::vector<Event> filtered(const Arguments& more) {
  Arguments arguments = {"replay", "--json", source_path("pcaps")};
  arguments.insert(arguments.end(), more.begin(), more.end());
  const Finished result = pickletap(arguments);
  EXPECT_EQ(result.exit_code, 0) << shown(arguments) << ": " << result.err;
  return events_of(result.out);
}

std::string packets_of(const std::vector<Event>& events) {
  return events.empty() ? "" : text_at(events.back(), {"stats", "packets_total"});
}

const Capture* capture_with_port(const std::string& port) {
  for (const Capture& capture : manifest()) {
    if (capture.listeners.size() == 1 && capture.listeners[0].port == port) return &capture;
  }
  return nullptr;
}

TEST(Filter, OnePortGivesThatListenersAlertsOnly) {
  const Capture* capture = capture_with_port(kPort);
  ASSERT_NE(capture, nullptr);
  const std::vector<Event> events = filtered({"-f", std::string("tcp port ") + kPort});
  EXPECT_EQ(difference(counted(capture->alerts), counted(events_of_type(events, "alert"))), "");
  for (const char* type : {"alert", "listener"}) {
    for (const Event& event : events_of_type(events, type)) {
      EXPECT_TRUE(text_at(event, {"dest_port"}) == kPort || text_at(event, {"src_port"}) == kPort);
    }
  }
}

TEST(Filter, PacketsKeepTheirNumbersInTheFile) {
  const auto numbers = [](const std::vector<Event>& events) {
    std::vector<std::string> all;
    for (const Event& alert : events_of_type(events, "alert")) {
      if (text_at(alert, {"dest_port"}) == kPort) all.push_back(text_at(alert, {"pcap_cnt"}));
    }
    return all;
  };
  const std::vector<std::string> unfiltered = numbers(filtered({}));
  EXPECT_FALSE(unfiltered.empty());
  EXPECT_EQ(unfiltered, numbers(filtered({"-f", std::string("port ") + kPort})));
}

TEST(Filter, WhatMatchesNothingRaisesNothing) {
  for (const char* filter : {"port 1", "sctp", "host 192.0.2.1"}) {
    const std::vector<Event> events = filtered({"-f", filter});
    ASSERT_EQ(events.size(), 1U) << filter << ": the statistics and nothing else";
    EXPECT_EQ(text_at(events[0], {"event_type"}), "stats") << filter;
    EXPECT_EQ(packets_of(events), "0") << filter;
  }
}

TEST(Filter, WhatMatchesEverythingChangesNothing) {
  const std::vector<Event> all = filtered({}), filter = filtered({"--filter", "greater 1"});
  EXPECT_EQ(packets_of(all), packets_of(filter));
  EXPECT_EQ(difference(counted(events_of_type(all, "alert")), counted(events_of_type(filter, "alert"))), "");
}

TEST(Filter, AHalfLeavesTheOtherHalf) {
  const std::string port = std::string("port ") + kPort;
  const std::vector<Event> with = filtered({"-f", port}), without_it = filtered({"-f", "not " + port});
  Counted together = counted(events_of_type(with, "alert"));
  for (const auto& [alert, count] : counted(events_of_type(without_it, "alert"))) together[alert] += count;
  EXPECT_EQ(difference(counted(events_of_type(filtered({}), "alert")), together), "");
}

TEST(Filter, OneDirectionIsStillRead) {
  const std::vector<Event> events = filtered({"-f", std::string("dst port ") + kPort});
  const auto alerts = counted(events_of_type(events, "alert"));
  EXPECT_TRUE(alerts.contains("pickle.code-execution from fd99::2 (attempted)")) << list_text(alerts);
}

// A filter may compile for one link type and not for the next file's: what was read by then is still reported.
TEST(Filter, AnErrorInALaterFileLosesNothing) {
  const std::string filter = "not ether host 02:00:00:00:00:00", ethernet = capture_path("no-key-27.pcap");
  const Finished result = pickletap({"replay", "--json", "-f", filter, ethernet, capture_path("attack-raw-ip.pcap")});
  EXPECT_TRUE(result.exit_code == 1 || result.exit_code == 2) << result.exit_code;
  EXPECT_NE(result.err.find("attack-raw-ip.pcap: filter"), std::string::npos) << result.err;
  const std::vector<Event> events = events_of(result.out);
  EXPECT_EQ(events_of_type(events, "alert").size(), 1U);
  ASSERT_FALSE(events.empty());
  EXPECT_EQ(text_at(events.back(), {"event_type"}), "stats");
}

TEST(Filter, TheCommandLineGoesOverTheConfiguration) {
  const TempFolder folder;
  const std::string config = folder.write("c.yaml", "capture: {filter: \"port 1\"}\n");
  EXPECT_EQ(packets_of(filtered({"-c", config})), "0");
  EXPECT_NE(packets_of(filtered({"-c", config, "-f", std::string("port ") + kPort})), "0");
}

}  // namespace
}  // namespace pickletap::test
