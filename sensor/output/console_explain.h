// What `pickletap explain` prints for people: of each pickle the verdict, the reasons, the program with its harmful lines
// marked, the indicators and how it ended; of each file a count; at the end what to do about it. Pure, as console_text.h:
// each function appends to a string, and nothing of the file reaches a terminal but by append_printable().
#pragma once

#include <span>
#include <string>

#include "sensor/output/console_text.h"
#include "sensor/output/explained.h"

namespace pickletap {

void append_pickle(std::string& out, const ExplainedPickle& pickle, Paint paint);

/// The line above a file's pickles.
void append_file_name(std::string& out, std::string_view name, Paint paint);

/// "3 pickles: 1 DANGEROUS, 2 harmless".
void append_file_count(std::string& out, const ExplainedFile& file);

/// A row a file.
void append_file_table(std::string& out, std::span<const ExplainedFile> files, Paint paint);

/// A paragraph for each rule that one of the files broke.
void append_advice(std::string& out, std::span<const ExplainedFile> files, Paint paint);

}  // namespace pickletap
