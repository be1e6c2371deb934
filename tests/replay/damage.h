// Deterministic damage to a file: cut short at chosen lengths, and bytes changed. The same file gives the same damage
// on every machine.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <vector>

namespace pickletap::test {

/// FNV-1a, so that each capture has its own sequence.
inline uint64_t seed_of(const std::string& name) {
  uint64_t hash = 14695981039346656037U;
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211U;
  return hash;
}

/// `count` copies cut short: around the file header and the end first, then anywhere.
inline std::vector<std::string> cut_copies(const std::string& name, const std::string& bytes, size_t count) {
  std::mt19937_64 random(seed_of(name));
  std::vector<std::string> copies;
  for (const size_t length : {size_t{3}, size_t{23}, size_t{24}, size_t{39}, bytes.size() - 1}) {
    if (copies.size() < count) copies.push_back(bytes.substr(0, length));
  }
  while (copies.size() < count) copies.push_back(bytes.substr(0, random() % bytes.size()));
  return copies;
}

/// `count` copies with one to four bytes changed, the file header's in the fewest.
inline std::vector<std::string> flipped_copies(const std::string& name, const std::string& bytes, size_t count) {
  std::mt19937_64 random(~seed_of(name));
  std::vector<std::string> copies;
  for (size_t i = 0; i < count; ++i) {
    std::string copy = bytes;
    for (size_t flips = 1 + i % 4; flips > 0; --flips) {
      char& victim = copy[random() % copy.size()];
      victim = static_cast<char>(static_cast<unsigned char>(victim) ^ (1 + random() % 255));
    }
    copies.push_back(std::move(copy));
  }
  return copies;
}

}  // namespace pickletap::test
