# SPDX-License-Identifier: MIT
# C source without comments, and with strings and characters emptied; every line stays where it was. Include lines keep
# their file name.

/^[ \t]*#[ \t]*include/ && !comment { print; next }

{
  out = ""
  n = length($0)
  for (i = 1; i <= n; i++) {
    c = substr($0, i, 1)
    two = substr($0, i, 2)
    if (comment) {
      if (two == "*/") { comment = 0; i++ }
    } else if (quote != "") {
      if (c == "\\") { i++ }
      else if (c == quote) { out = out c; quote = "" }
    } else if (two == "/*") {
      comment = 1; out = out " "; i++
    } else if (two == "//") {
      break
    } else {
      if (c == "\"" || c == "'") { quote = c }
      out = out c
    }
  }
  quote = "" # a string does not cross a line
  print out
}
