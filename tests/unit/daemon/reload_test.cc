// What a running daemon takes from a new configuration, and the policies it keeps.
#include "sensor/daemon/reload.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "config/load.h"
#include "config/policy_files.h"
#include "dissectors/pickle/machine_pool.h"
#include "dissectors/pickle/pickle_machine.h"
#include "sensor/daemon/policy_store.h"

namespace pickletap {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(Reload, TakesRulesPolicyNameAndLogLevel) {
  Config next;
  next.sensor.name = "other";
  next.rules["pickle.malformed"].enabled = false;
  next.policy.safe_files = {"/nowhere/safe.yaml"};
  next.logging.level = "debug";
  next.networks.trusted = {"192.0.2.0/24"};
  next.auth.weak_keys = {"/nowhere/keys"};
  next.rules["pickle.malformed"].suppress = {"10.0.0.0/8"};
  next.alerts.collapse_after = 1;
  Config current;
  take_reloadable(next, current);
  EXPECT_EQ(current.sensor.name, "other");
  EXPECT_FALSE(current.rules.at("pickle.malformed").enabled);
  EXPECT_THAT(restart_needed(current, next), IsEmpty());
}

TEST(Reload, NamesEveryKeyThatNeedsARestart) {
  Config next;
  next.capture.interfaces = {"eth1"};
  next.limits.flows = 5;
  next.http.listen = "";
  next.outputs.eve.types.flow = true;
  Config current;
  take_reloadable(next, current);
  EXPECT_THAT(restart_needed(current, next),
              ElementsAre("capture.interfaces", "limits.flows", "outputs.eve.types", "http.listen"));
  EXPECT_TRUE(current.capture.interfaces.empty());
}

class PolicyStoreTest : public testing::Test {
 protected:
  PolicyStoreTest() : path_(testing::TempDir() + "policy-store-" + std::to_string(getpid()) + ".yaml") {
    config_.policy.safe_files = {path_};
  }
  ~PolicyStoreTest() override { std::filesystem::remove(path_); }
  void write_safe(const std::string& name) const {
    std::ofstream(path_) << "version: 1\nsafe:\n  myapp: [" << name << "]\n";
  }
  static bool is_safe(const Policy& policy, const std::string& name) {
    return policy.judge("myapp", name).cls == CallableClass::kSafe;
  }

  std::string path_;
  Config config_;
};

TEST_F(PolicyStoreTest, MakesANewPolicyOnlyWhenAFileHasChanged) {
  PolicyStore store;
  write_safe("First");
  const Policy& first = store.load(config_);
  EXPECT_TRUE(is_safe(first, "First"));
  EXPECT_EQ(&store.load(config_), &first);
  write_safe("Second");
  const Policy& second = store.load(config_);
  EXPECT_NE(&second, &first);
  EXPECT_TRUE(is_safe(second, "Second"));
  EXPECT_TRUE(is_safe(first, "First")) << "reports point into it";
}

TEST_F(PolicyStoreTest, AWrongFileChangesNothing) {
  PolicyStore store;
  write_safe("First");
  const Policy& first = store.load(config_);
  std::ofstream(path_) << "version: 1\nsafe: 5\n";
  EXPECT_THROW(store.load(config_), PolicyError);
  write_safe("First");
  EXPECT_EQ(&store.load(config_), &first);
}

TEST_F(PolicyStoreTest, ANewPolicyCountsFromTheNextPickleOn) {
  PolicyStore store;
  write_safe("First");
  const DissectorLimits limits;
  PickleMachinePool machines(store.load(config_), limits);
  auto busy = machines.acquire();
  write_safe("Second");
  const Policy& second = store.load(config_);
  machines.set_policy(second);
  EXPECT_NE(&busy->policy(), &second);
  machines.release(std::move(busy));
  EXPECT_EQ(&machines.acquire()->policy(), &second);
}

}  // namespace
}  // namespace pickletap
