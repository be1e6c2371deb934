// The driver of a fuzz target where libFuzzer is not at hand: runs LLVMFuzzerTestOneInput over every file of a corpus
// folder as it is, cut short, and mutated, and over random bytes, which are choices to a target that has a grammar. The
// same inputs in the same order every time: the generator is seeded by a constant and takes nothing from the clock.
// Bounded by MUTATIONS and kMaxInputBytes, not by time.
//
//   NAME_fuzz CORPUS [MUTATIONS]
//
// An input that kills the process is found in the file `crash-input` of the working directory when PICKLETAP_KEEP_INPUT
// is set in the environment (it is written before each run, which is slow).
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace {

using Bytes = std::vector<uint8_t>;

constexpr size_t kMutationsTotal = 4000;
constexpr size_t kMaxInputBytes = size_t{64} << 10;
constexpr size_t kMaxRandomBytes = 512;
constexpr size_t kRandomOneIn = 4;

void run(const Bytes& input) {
  static const bool keep = std::getenv("PICKLETAP_KEEP_INPUT") != nullptr;
  if (keep) {
    std::ofstream file("crash-input", std::ios::binary | std::ios::trunc);
    for (const uint8_t byte : input) file.put(static_cast<char>(byte));
  }
  // A copy of exactly this size, so that the address sanitizer sees a read beyond the end.
  const Bytes exact(input.begin(), input.end());
  LLVMFuzzerTestOneInput(exact.data(), exact.size());
}

std::vector<Bytes> read_corpus(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> paths;
  if (std::filesystem::is_directory(folder)) {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
      if (entry.is_regular_file()) paths.push_back(entry.path());
    }
  }
  std::sort(paths.begin(), paths.end());
  std::vector<Bytes> corpus;
  for (const auto& path : paths) {
    std::ifstream file(path, std::ios::binary);
    corpus.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  }
  return corpus;
}

/// mt19937_64 is fixed by the standard to the bit; its distributions are not, so they are not used.
class Mutator {
 public:
  explicit Mutator(const std::vector<Bytes>& corpus) : corpus_(corpus) {}

  Bytes make() {
    Bytes input(below(kMaxRandomBytes));
    for (uint8_t& byte : input) byte = static_cast<uint8_t>(random_());
    return input;
  }

  Bytes mutate(const Bytes& seed) {
    Bytes input(seed.begin(), seed.begin() + static_cast<std::ptrdiff_t>(std::min(seed.size(), kMaxInputBytes)));
    const size_t steps = 1 + below(4);
    for (size_t i = 0; i < steps; ++i) step(input);
    if (input.size() > kMaxInputBytes) input.resize(kMaxInputBytes);
    return input;
  }

 private:
  size_t below(size_t bound) { return bound == 0 ? 0 : static_cast<size_t>(random_() % bound); }
  static std::ptrdiff_t at(size_t index) { return static_cast<std::ptrdiff_t>(index); }

  void step(Bytes& input) {
    static constexpr uint8_t kEdges[] = {0x00, 0x01, 0x7f, 0x80, 0xff, '\n', '.', '('};
    const size_t position = below(input.size());
    switch (below(7)) {
      case 0:  // a bit
        if (!input.empty()) input[position] = static_cast<uint8_t>(input[position] ^ (1U << below(8)));
        break;
      case 1:  // a byte, one of those that mean something
        if (!input.empty()) input[position] = kEdges[below(std::size(kEdges))];
        break;
      case 2:  // four bytes: lengths
        for (size_t i = position; i < std::min(position + 4, input.size()); ++i) {
          input[i] = kEdges[below(5)];
        }
        break;
      case 3:  // cut short
        input.resize(position);
        break;
      case 4:  // a piece out
        input.erase(input.begin() + at(position), input.begin() + at(std::min(position + below(64), input.size())));
        break;
      case 5: {  // a random piece in
        Bytes piece(1 + below(16));
        for (uint8_t& byte : piece) byte = static_cast<uint8_t>(random_());
        input.insert(input.begin() + at(position), piece.begin(), piece.end());
        break;
      }
      default: {  // a piece of another seed in
        const Bytes& other = corpus_[below(corpus_.size())];
        const size_t begin = below(other.size());
        const size_t end = std::min(begin + 1 + below(256), other.size());
        const Bytes piece(other.begin() + at(begin), other.begin() + at(end));
        input.insert(input.begin() + at(position), piece.begin(), piece.end());
        break;
      }
    }
  }

  const std::vector<Bytes>& corpus_;
  std::mt19937_64 random_{20261121};
};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: %s CORPUS [MUTATIONS]\n", argv[0]);
    return 2;
  }
  std::vector<Bytes> corpus = read_corpus(argv[1]);
  std::printf("%zu seeds in %s\n", corpus.size(), argv[1]);
  if (corpus.empty()) corpus.emplace_back();
  const size_t mutations = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : kMutationsTotal;

  for (const Bytes& seed : corpus) run(seed);
  Mutator mutator(corpus);
  for (size_t i = 0; i < mutations; ++i) {
    run(i % kRandomOneIn == 0 ? mutator.make() : mutator.mutate(corpus[i % corpus.size()]));
  }
  std::printf("%zu mutations\n", mutations);
  return 0;
}
