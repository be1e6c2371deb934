// Managers' messages by their shape. The pickles are what CPython 3.11 writes for ('#PROXY', (('next',), Token('Iterator',
// ('10.0.0.1', 5000), '7f00aa'))) and the like.
#include "dissectors/python_mp/message_shape.h"

#include "tests/unit/dissectors/truth.h"

namespace pickletap {
namespace {

using namespace std::string_literals;

const char* const kProxy4 =
    "80049566000000000000008c062350524f5859948c046e6578749485948c186d756c746970726f63657373696e672e6d616e6167657273948c"
    "05"
    "546f6b656e9493942981948c084974657261746f72948c0831302e302e302e31944d881386948c0637663030616194879462869486942e";

struct Read {
  explicit Read(const std::string& bytes, ShapeTable* shapes = nullptr)
      : pickle(bytes), machine(truth::builtin_policy(), limits, shapes) {
    again();
  }
  void again() {
    machine.begin(pickle.size(), &told);
    machine.feed(truth::bytes_of(pickle));
    machine.finish();
    reply = manager_reply(machine).value_or(ManagerReply{});
    request = manager_request(machine).value_or(ManagerRequest{});
    machine.report(false);
  }
  std::string pickle;
  DissectorLimits limits;
  ToldCallables told;
  PickleMachine machine;
  ManagerReply reply;
  ManagerRequest request;
};

TEST(MessageShape, AProxyReplyNamesItsTokensTypeIdentAndAddress) {
  const Read read(truth::from_hex(kProxy4));
  EXPECT_EQ(read.reply.kind, "#PROXY");
  EXPECT_EQ(read.reply.type_id, "Iterator");
  EXPECT_EQ(read.reply.object, "7f00aa");
  EXPECT_EQ(read.reply.host, "10.0.0.1");
  EXPECT_EQ(read.reply.port, 5000);
}

TEST(MessageShape, TheAddressIsThisMessagesWhereAnotherOfItsShapeCameBefore) {
  ShapeTable shapes;
  Read read(truth::from_hex(kProxy4), &shapes);
  read.again();
  const size_t port = read.pickle.find("M\x88\x13"s);
  ASSERT_NE(port, std::string::npos);
  read.pickle[port + 2] = '\x14';
  for (int i = 0; i < 2; ++i) {
    read.again();
    EXPECT_EQ(read.reply.port, 5256);
    EXPECT_EQ(read.reply.host, "10.0.0.1");
  }
  EXPECT_GT(shapes.size(), 0U);
}

TEST(MessageShape, ARequestIsAskedOfTheServerOrOfAnObject) {
  const Read of_server("\x80\x02(NX\x06\0\0\0create(X\x04\0\0\0dicte}t."s);
  EXPECT_EQ(of_server.request.method, "");  // no tuple of arguments: `e` leaves a list that was none
  const Read create("\x80\x02(NX\x06\0\0\0createX\x04\0\0\0dict\x85}t."s);
  EXPECT_EQ(create.request.method, "create");
  EXPECT_EQ(create.request.type_id, "dict");
  EXPECT_TRUE(create.request.to_server);
  const Read of_object(
      "\x80\x02(X\x04\0\0\x00"
      "7f00X\x03\0\0\0put)}t."s);
  EXPECT_EQ(of_object.request.method, "put");
  EXPECT_EQ(of_object.request.object, "7f00");
  EXPECT_FALSE(of_object.request.to_server);
}

TEST(MessageShape, RepliesOfOtherKinds) {
  const Read made(
      "\x80\x02X\x07\0\0\0#RETURNX\x04\0\0\x00"
      "7f00X\x03\0\0\0put\x85\x86\x86."s);
  EXPECT_EQ(made.reply.kind, "#RETURN");
  EXPECT_EQ(made.reply.object, "7f00");
  const Read trace("\x80\x02X\x0a\0\0\0#TRACEBACKX\x06\0\0\0a\nb: c\x86."s);
  EXPECT_EQ(trace.reply.traceback, "a\nb: c");
  const Read error("\x80\x02X\x06\0\0\0#ERRORcexceptions\nValueError\n)R\x86."s);
  EXPECT_EQ(error.reply.traceback, "builtins.ValueError");
  EXPECT_EQ(Read("\x80\x02X\x06\0\0\0#OTHERN\x86."s).reply.kind, "");
}

}  // namespace
}  // namespace pickletap
