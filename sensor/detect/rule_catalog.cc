#include "sensor/detect/rule_catalog.h"

#include <algorithm>
#include <array>

namespace pickletap {

namespace {

// The texts of Suricata's classification.config.
constexpr std::string_view kAdmin = "Attempted Administrator Privilege Gain";
constexpr std::string_view kUser = "Attempted User Privilege Gain";
constexpr std::string_view kSuspicious = "Potentially Bad Traffic";
constexpr std::string_view kPolicy = "Potential Corporate Privacy Violation";
constexpr std::string_view kLogin = "An attempted login using a suspicious username was detected";
constexpr std::string_view kDenial = "Attempted Denial of Service";
constexpr std::string_view kTrojan = "A Network Trojan was detected";
constexpr std::string_view kDecode = "Generic Protocol Command Decode";

constexpr std::array kRules = {
    RuleInfo{5020001, "pickle.code-execution", Severity::kHigh,
             "loading the pickle calls something that runs code or commands, or reaches files, network or interpreter "
             "state in a harmful way",
             kAdmin, "CWE-502", "TA0002", "T1059.006", "high"},
    RuleInfo{5020002, "pickle.dangerous-reference", Severity::kMedium,
             "such a callable is passed by reference and not called", kUser, "CWE-502", "TA0002", "T1059.006",
             "medium"},
    RuleInfo{5020003, "pickle.code-object", Severity::kMedium,
             "it carries Python bytecode or source to be rebuilt (cloudpickle, dill, marshal)", kUser, "CWE-502",
             "TA0002", "T1059.006", "high"},
    RuleInfo{5020004, "pickle.unknown-call", Severity::kLow,
             "it calls or instantiates what no policy list knows (once per listener and callable)", kSuspicious,
             "CWE-502", "TA0002", "T1059.006", "low"},
    RuleInfo{5020005, "pickle.not-allowed", Severity::kHigh,
             "an allow list is in force for the listener, and a callable, a method or a peer leaves it (mode alert: of "
             "low severity)",
             kAdmin, "CWE-502", "TA0001", "T1190", "high"},
    RuleInfo{5020006, "pickle.resource-bomb", Severity::kHigh,
             "a small pickle makes the loader use memory, time or stack out of all proportion", kDenial, "CWE-400",
             "TA0040", "T1499.004", "high"},
    RuleInfo{5020007, "pickle.malformed", Severity::kLow,
             "a frame that is a pickle by its start and breaks before STOP, or carries bytes after it", kDecode,
             "CWE-20", "TA0005", "T1027", "medium"},
    RuleInfo{
        5020008, "pickle.evasion", Severity::kMedium,
        "constructions that only hiding needs (names assembled from pieces, contradicting protocol or frame opcodes, "
        "…)",
        kSuspicious, "CWE-502", "TA0005", "T1027", "medium"},
    RuleInfo{5020101, "exposure.unauthenticated", Severity::kMedium,
             "pickles travel on a connection that had no handshake", kPolicy, "CWE-306", "TA0001", "T1190", "high"},
    RuleInfo{5020102, "exposure.untrusted-peer", Severity::kHigh,
             "a listener talks with an address outside networks.trusted", kPolicy, "CWE-668", "TA0001", "T1190",
             "high"},
    RuleInfo{5020103, "exposure.unexpected", Severity::kMedium,
             "a listener departs from what networks.listeners expects of it", kPolicy, "CWE-1188", "TA0001", "T1190",
             "high"},
    RuleInfo{5020201, "auth.failed", Severity::kLow, "#FAILURE#", kLogin, "CWE-307", "TA0006", "T1110", "high"},
    RuleInfo{5020202, "auth.bruteforce", Severity::kHigh, "failures of one source on one listener pass a threshold",
             kLogin, "CWE-307", "TA0006", "T1110.001", "high"},
    RuleInfo{5020203, "auth.weak-key", Severity::kHigh, "a listed key reproduces the digest seen", kPolicy, "CWE-521",
             "TA0006", "T1110.002", "high"},
    RuleInfo{5020204, "auth.legacy-digest", Severity::kLow, "HMAC-MD5 was used (once per listener)", kPolicy, "CWE-328",
             "TA0006", "T1110.002", "high"},
    RuleInfo{5020205, "auth.challenge-reuse", Severity::kHigh,
             "one challenge on two connections: relay, reflection or replay", kAdmin, "CWE-294", "TA0006", "T1557",
             "high"},
    RuleInfo{5020206, "auth.one-way", Severity::kMedium, "data flowed after only one side proved the key", kSuspicious,
             "CWE-306", "TA0006", "T1557", "medium"},
    RuleInfo{5020207, "auth.protocol-violation", Severity::kMedium, "a handshake step no CPython sends", kDecode,
             "CWE-1287", "TA0001", "T1190", "medium"},
    RuleInfo{5020208, "auth.downgrade", Severity::kMedium,
             "a listener or client that used a stronger digest before now used a weaker one", kSuspicious, "CWE-757",
             "TA0006", "T1562.010", "medium"},
    RuleInfo{5020301, "manager.shutdown", Severity::kMedium, "a remote `shutdown` request", kDenial, "CWE-306",
             "TA0040", "T1489", "high"},
    RuleInfo{5020302, "manager.recon", Severity::kLow,
             "`debug_info`, `get_methods` or `number_of_objects` from a peer (once a manager, peer and function)",
             kSuspicious, "CWE-200", "TA0007", "T1046", "medium"},
    RuleInfo{5020303, "manager.forbidden-call", Severity::kMedium,
             "a method that is not exposed, or an unknown server function, was asked for", kUser, "CWE-284", "TA0001",
             "T1190", "high"},
    RuleInfo{5020401, "frame.oversized", Severity::kMedium, "a frame announces more than the configured limit", kDecode,
             "CWE-400", "TA0040", "T1499", "medium"},
    RuleInfo{5020501, "stream.overlap-conflict", Severity::kMedium,
             "the same stream bytes were sent twice with different contents", kDecode, "CWE-436", "TA0005", "T1027",
             "medium"},
    RuleInfo{5020601, "attack.callback", Severity::kHigh,
             "after an alert about a pickle that runs code its receiver turned to a host named in it: it ran", kTrojan,
             "CWE-502", "TA0011", "T1071", "high"},
};

}  // namespace

std::span<const RuleInfo> rule_catalog() { return kRules; }

std::vector<std::string_view> rule_names() {
  std::vector<std::string_view> names(kRules.size());
  std::transform(kRules.begin(), kRules.end(), names.begin(), [](const RuleInfo& rule) { return rule.name; });
  return names;
}

}  // namespace pickletap
