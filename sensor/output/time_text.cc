#include "sensor/output/time_text.h"

#include <chrono>
#include <string_view>

namespace pickletap {
namespace {

void put_digits(char* at, unsigned width, uint64_t value) {
  for (unsigned i = width; i-- > 0; value /= 10) at[i] = static_cast<char>('0' + value % 10);
}

std::string stamp(int64_t time_ns, char between, std::string_view zone) {
  using namespace std::chrono;
  const sys_time<microseconds> time{floor<microseconds>(nanoseconds{time_ns})};  // no int64 has a day out of its range
  const auto day = floor<days>(time);
  const year_month_day date{day};
  const auto micros = static_cast<uint64_t>((time - day).count());
  const uint64_t second_of_day = micros / 1'000'000;
  char text[] = "0000-00-00 00:00:00.000000";
  put_digits(text, 4, static_cast<uint64_t>(static_cast<int>(date.year())));  // int64 nanoseconds: 1677 … 2262
  put_digits(text + 5, 2, static_cast<unsigned>(date.month()));
  put_digits(text + 8, 2, static_cast<unsigned>(date.day()));
  text[10] = between;
  put_digits(text + 11, 2, second_of_day / 3600);
  put_digits(text + 14, 2, second_of_day / 60 % 60);
  put_digits(text + 17, 2, second_of_day % 60);
  put_digits(text + 20, 6, micros % 1'000'000);
  std::string out(text, sizeof text - 1);
  out += zone;
  return out;
}

}  // namespace

std::string eve_time(int64_t time_ns) { return stamp(time_ns, 'T', "+0000"); }

std::string readable_time(int64_t time_ns) { return stamp(time_ns, ' ', "Z"); }

}  // namespace pickletap
