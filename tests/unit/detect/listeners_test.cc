#include "sensor/detect/listeners.h"

#include <gtest/gtest.h>

#include <string>

namespace pickletap {
namespace {

RecordHead head_of(AuthState auth, Digest digest = Digest::kNone, uint16_t client_port = 40000) {
  RecordHead head;
  head.flow.initiator.port = client_port;
  head.flow.responder.port = 50000;
  head.auth = auth;
  head.digest = digest;
  return head;
}

std::string change_of(const std::optional<ListenerRecord>& record) {
  if (!record) return "-";
  return std::string(record->change) + " " + std::string(to_text(record->head.auth)) + " " +
         std::string(to_text(record->head.digest)) + " " + std::string(to_text(record->head.server_python)) + " " +
         std::string(to_text(record->head.application));
}

TEST(Listeners, TellWhatIsNewAndNothingTwice) {
  Listeners listeners;
  RecordHead head = head_of(AuthState::kFailed, Digest::kMd5);
  EXPECT_EQ(change_of(listeners.update(head, true)), "new failed md5  connection");
  EXPECT_EQ(change_of(listeners.update(head, true)), "-");
  head = head_of(AuthState::kMutual, Digest::kMd5);
  EXPECT_EQ(change_of(listeners.update(head, true)), "auth mutual md5  connection");
  // What says less changes nothing.
  EXPECT_EQ(change_of(listeners.update(head_of(AuthState::kFailed, Digest::kSha256), true)), "-");
  EXPECT_EQ(change_of(listeners.update(head_of(AuthState::kUnknown), true)), "-");
  EXPECT_EQ(change_of(listeners.update(head_of(AuthState::kMutual, Digest::kSha256), true)),
            "digest mutual sha256  connection");
  head = head_of(AuthState::kMutual, Digest::kSha256);
  head.server_python = PythonGuess::kUpTo311;
  EXPECT_EQ(change_of(listeners.update(head, true)), "python mutual sha256 <=3.11 connection");
  head.server_python = PythonGuess::k27;
  EXPECT_EQ(change_of(listeners.update(head, true)), "python mutual sha256 2.7 connection");
  head.server_python = PythonGuess::kUpTo311;  // the challenge of 2.7 looks so
  EXPECT_EQ(change_of(listeners.update(head, true)), "-");
  head.application = Application::kManager;
  EXPECT_EQ(change_of(listeners.update(head, true)), "application mutual sha256 2.7 manager");
  head.application = Application::kConnection;
  EXPECT_EQ(change_of(listeners.update(head, true)), "-");
}

TEST(Listeners, AreToldApartByEndpointAndVlan) {
  Listeners listeners;
  RecordHead head = head_of(AuthState::kMutual);
  EXPECT_TRUE(listeners.update(head, true));
  head.flow.initiator.port = 40001;  // another client of the same one
  EXPECT_FALSE(listeners.update(head, true));
  head.flow.responder.port = 50001;
  EXPECT_TRUE(listeners.update(head, true));
  head.flow.responder.address.bytes[15] = 1;
  EXPECT_TRUE(listeners.update(head, true));
  head.flow.vlan.ids[0] = 7;
  EXPECT_TRUE(listeners.update(head, true));
  head.server_is_initiator = true;  // then the other end listens
  EXPECT_TRUE(listeners.update(head, true));
  EXPECT_EQ(listeners.count_by_auth()[static_cast<size_t>(AuthState::kMutual)], 5U);
}

TEST(Listeners, CountFlowsAndPeersUpToAMaximum) {
  Listeners listeners;
  RecordHead head = head_of(AuthState::kNone);
  for (unsigned i = 0; i < 2 * Listeners::kMaxPeers; ++i) {
    head.flow.initiator.address.bytes[0] = static_cast<uint8_t>(i);
    head.flow.initiator.address.bytes[1] = static_cast<uint8_t>(i >> 8);
    listeners.update(head, true);
    listeners.update(head, false);
  }
  EXPECT_EQ(listeners.find(head)->peers.size(), Listeners::kMaxPeers);
  EXPECT_EQ(listeners.find(head)->flows, 2 * Listeners::kMaxPeers);
}

TEST(Listeners, RememberCallablesUpToAMaximum) {
  Listeners listeners;
  const RecordHead head = head_of(AuthState::kNone);
  size_t told = 0;
  for (size_t i = 0; i < Listeners::kMaxCallables + 10; ++i) {
    told += listeners.is_new_callable(head, "app.f" + std::to_string(i)) ? 1 : 0;
  }
  EXPECT_EQ(told, Listeners::kMaxCallables);
  EXPECT_EQ(listeners.dropped(), 10U);
  EXPECT_FALSE(listeners.is_new_callable(head, "app.f0"));
  EXPECT_EQ(listeners.dropped(), 10U);
}

TEST(Listeners, WithoutRoomACallableIsToldRatherOnceTooOften) {
  Listeners listeners;
  RecordHead head = head_of(AuthState::kNone);
  for (size_t i = 0; i < Listeners::kMaxListeners; ++i) {
    head.flow.responder.port = static_cast<uint16_t>(i);
    ASSERT_NE(listeners.find_or_add(head), nullptr);
  }
  head.flow.vlan.ids[0] = 5;
  EXPECT_TRUE(listeners.is_new_callable(head, "app.f"));
  EXPECT_TRUE(listeners.is_new_callable(head, "app.f"));
  EXPECT_FALSE(listeners.update(head, true));
  EXPECT_EQ(listeners.find(head), nullptr);
  EXPECT_EQ(listeners.dropped(), 3U);
  EXPECT_EQ(listeners.count_by_auth()[static_cast<size_t>(AuthState::kNone)], 0U);  // none was announced
}

}  // namespace
}  // namespace pickletap
