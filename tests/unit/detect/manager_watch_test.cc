// What a manager's answers say. The tracebacks are those that CPython 2.7.18, 3.8.18 and 3.13.0 really sent.
#include "sensor/detect/manager_watch.h"

#include <gtest/gtest.h>

namespace pickletap {
namespace {

using manager_watch::Loaded;

const std::string kNotATuple =
    "Traceback (most recent call last):\n  File \"managers.py\", line 202, in _handle_request\n"
    "    ignore, funcname, args, kwds = request\n    ^^^^^^^^^^^^^^^^^^^^^^^^^^^^\n"
    "TypeError: cannot unpack non-iterable int object\n";
const std::string kNotLoaded =
    "Traceback (most recent call last):\n  File \"managers.py\", line 201, in _handle_request\n"
    "    request = c.recv()\n  File \"connection.py\", line 251, in recv\n"
    "    return _ForkingPickler.loads(buf.getbuffer())\nAttributeError: Can't get attribute 'x' on <module 'y'>\n";
const std::string kNotLoaded27 =
    "Traceback (most recent call last):\n  File \"managers.py\", line 217, in handle_request\n"
    "    request = c.recv()\nImportError: No module named x\n";
const std::string kFailedInside =
    "Traceback (most recent call last):\n  File \"managers.py\", line 201, in _handle_request\n"
    "    request = c.recv()\n  File \"connection.py\", line 251, in recv\n"
    "    return _ForkingPickler.loads(buf.getbuffer())\n  File \"subprocess.py\", line 466, in check_output\n"
    "    return run(*popenargs)\nsubprocess.CalledProcessError: Command 'false' returned non-zero exit status 1.\n";
const std::string kNotExposed =
    "Traceback (most recent call last):\n  File \"managers.py\", line 245, in serve_client\n"
    "AttributeError: method '__init__' of <class 'C'> object is not in exposed=('add', 'fail')\n\n"
    "During handling of the above exception, another exception occurred:\n\n"
    "    fallback_func = self.fallback_mapping[methodname]\nKeyError: '__init__'\n";
const std::string kNotExposed27 =
    "Traceback (most recent call last):\n  File \"managers.py\", line 290, in serve_client\n"
    "    fallback_func = self.fallback_mapping[methodname]\nKeyError: '__init__'\n";
const std::string kNoFunction =
    "Traceback (most recent call last):\n    assert funcname in self.public, '%r unrecognized' % funcname\n"
    "AssertionError: 'serve_client' unrecognized\n";

ManagerReply reply(std::string kind, std::string traceback = {}) {
  return {std::move(kind), std::move(traceback), {}, {}, {}, 0};
}

TEST(ManagerWatch, AnAnswerShowsThatThePickleWasLoadedUnlessLoadingRaised) {
  PickleReport request;
  request.findings.push_back({PickleRule::kCodeExecution, "subprocess.check_output", {}, {}, 0, {}, {}, {}});
  const struct {
    ManagerReply reply;
    Loaded want;
  } rows[] = {
      {reply("#RETURN"), Loaded::kYes},
      {reply("#ERROR", "builtins.ValueError"), Loaded::kYes},
      {reply("#PROXY"), Loaded::kYes},
      {reply("#TRACEBACK", kNotATuple), Loaded::kYes},
      {reply("#TRACEBACK", kNotExposed), Loaded::kYes},
      {reply("#TRACEBACK", kNotLoaded), Loaded::kUnknown},
      {reply("#TRACEBACK", kNotLoaded27), Loaded::kUnknown},
      {reply("#TRACEBACK", kFailedInside), Loaded::kYes},
      {reply(""), Loaded::kUnknown},
  };
  for (const auto& row : rows) {
    EXPECT_EQ(manager_watch::shows_loaded(row.reply, request), row.want) << row.reply.kind << row.reply.traceback;
  }
  request.findings[0].callable = "os.system";
  EXPECT_EQ(manager_watch::shows_loaded(reply("#TRACEBACK", kFailedInside), request), Loaded::kUnknown);
}

TEST(ManagerWatch, TellsARefusalFromOtherTracebacks) {
  EXPECT_TRUE(manager_watch::says_forbidden(reply("#TRACEBACK", kNotExposed)));
  EXPECT_TRUE(manager_watch::says_forbidden(reply("#TRACEBACK", kNotExposed27)));
  EXPECT_TRUE(manager_watch::says_forbidden(reply("#TRACEBACK", kNoFunction)));
  EXPECT_FALSE(manager_watch::says_forbidden(reply("#TRACEBACK", kNotATuple)));
  EXPECT_FALSE(manager_watch::says_forbidden(reply("#TRACEBACK", kNotLoaded)));
  EXPECT_FALSE(manager_watch::says_forbidden(reply("#RETURN", kNotExposed)));
}

TEST(ManagerWatch, ShowsTheLineThatTells) {
  EXPECT_EQ(manager_watch::telling_line(reply("#TRACEBACK", kNotATuple)),
            "TypeError: cannot unpack non-iterable int object");
  EXPECT_EQ(manager_watch::telling_line(reply("#TRACEBACK", kNotExposed)),
            "AttributeError: method '__init__' of <class 'C'> object is not in exposed=('add', 'fail')");
  EXPECT_EQ(manager_watch::telling_line(reply("#ERROR", "builtins.ValueError")), "builtins.ValueError");
  EXPECT_EQ(manager_watch::telling_line(reply("#RETURN")), "");
  EXPECT_LE(manager_watch::telling_line(reply("#TRACEBACK", std::string(4096, 'x'))).size(), 200U);
}

TEST(ManagerObjects, AreRememberedUpToAMaximum) {
  ManagerObjects objects;
  for (size_t i = 0; i < ManagerObjects::kMaxObjects + 10; ++i) objects.add("id" + std::to_string(i), "Queue");
  objects.add("id0", "dict");  // one that is known may change
  EXPECT_EQ(objects.type_of("id0"), "dict");
  EXPECT_EQ(objects.type_of("id1"), "Queue");
  EXPECT_EQ(objects.type_of("id" + std::to_string(ManagerObjects::kMaxObjects)), "");
  objects.add("long", std::string(1000, 'x'));
  EXPECT_EQ(objects.type_of("long"), "");
}

}  // namespace
}  // namespace pickletap
