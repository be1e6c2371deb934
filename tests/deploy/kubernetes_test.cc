// The Kubernetes manifests: their structure by check_manifests.py, the configuration in them by the program.
#include "tests/deploy/documents.h"

namespace pickletap::test {
namespace {

const char* const kPython = "/usr/bin/python3";

bool has_yaml() { return run({kPython, "-c", "import yaml"}).exit_code == 0; }

Finished check_manifests(const std::string& folder, const std::string& config) {
  return run({kPython, std::string(PICKLETAP_SOURCE_DIR) + "/tests/deploy/check_manifests.py", folder, config});
}

TEST(Kubernetes, ManifestsFitTogetherAndTheirConfigurationIsValid) {
  if (!has_yaml()) GTEST_SKIP() << "needs python3-yaml";
  const TempFolder folder;
  const std::string config = folder.path("pickletap.yaml");
  const Finished checked = check_manifests(shipped("kubernetes"), config);
  ASSERT_EQ(checked.exit_code, 0) << checked.out << checked.err;
  RunOptions as_in_the_pod;
  as_in_the_pod.environment = {{"PICKLETAP_HTTP_LISTEN", "192.0.2.7:9502"}, {"PICKLETAP_SENSOR_NAME", "node-7"}};
  const Finished valid = pickletap({"check-config", config, "--dump"}, as_in_the_pod);
  EXPECT_EQ(valid.exit_code, 0) << valid.err;
  EXPECT_NE(valid.out.find("192.0.2.7:9502"), std::string::npos) << valid.out;
}

TEST(Kubernetes, CheckFindsWhatDoesNotFit) {
  if (!has_yaml()) GTEST_SKIP() << "needs python3-yaml";
  struct Case {
    const char *file, *from, *to, *fault;
  };
  const Case cases[] = {
      {"daemonset.yaml", "hostNetwork: true", "hostNetworks: true", "unknown field hostNetworks"},
      {"daemonset.yaml", "add: [NET_RAW]", "add: [NET_RAW, SYS_ADMIN]", "other capabilities"},
      {"daemonset.yaml", "path: /readyz", "path: /ready", "readinessProbe: does not ask"},
      {"daemonset.yaml", "name: config\n          configMap:\n            name: pickletap",
       "name: config\n          configMap:\n            name: other", "no such config map"},
      {"podmonitor.yaml", "port: http", "port: metrics", "PodMonitor: no such port"},
      {"podmonitor.yaml", "apiVersion: monitoring.coreos.com/v1", "apiVersion: v1", "another apiVersion"},
      {"kustomization.yaml", "  - configmap.yaml\n", "", "lists ['configmap.yaml'] wrongly"},
  };
  for (const Case& c : cases) {
    const TempFolder folder;
    std::filesystem::copy(shipped("kubernetes"), folder.path("manifests"));
    const std::string name = std::string("manifests/") + c.file;
    std::string text = read_bytes(folder.path(name));
    const size_t at = text.find(c.from);
    ASSERT_NE(at, std::string::npos) << c.from;
    folder.write(name, text.replace(at, std::string(c.from).size(), c.to));
    const Finished checked = check_manifests(folder.path("manifests"), folder.path("out.yaml"));
    EXPECT_EQ(checked.exit_code, 1) << c.fault << "\n" << checked.err;
    EXPECT_NE(checked.out.find(c.fault), std::string::npos) << c.fault << "\n" << checked.out;
  }
}

}  // namespace
}  // namespace pickletap::test
