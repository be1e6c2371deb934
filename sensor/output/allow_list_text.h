// An allow list as YAML that people read and edit: entries in order of address, port and VLAN, names sorted, what was left
// out as comments behind them. The same list gives the same bytes. Names come from the wire: those that YAML could read
// as something else stand in quotes, hostile bytes as escapes. Pure.
#pragma once

#include <string>

#include "config/allow_list.h"

namespace pickletap {

/// The head of a list that was learned: what it is and how to edit it.
std::string allow_list_about();

/// `about`: lines for the head of the file, made comments here.
std::string allow_list_text(const AllowList& list, const std::string& about);

}  // namespace pickletap
