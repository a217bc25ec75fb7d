"""Everything that can begin a call, a thought or a block, as one pattern with named groups."""

import re

from greenloop.tools.reader.lines import ACTION, HARMONY, NAMED

_ENVELOPE = (
    r"(?:tool[_ \u2581]?(?:calls?|use|code|response)?s?(?:[_\u2581]\w+)*|use_tools?"
    r"|function_?calls?|python_tag|code|execute|action_\w+|plugin|functools|(?:start|end)_function_call)"
)
_LEAD = r"[ \t>*`]*(?:(?:\d+[.)]|->|-|(?:tool|function)[ _]?calls?:)[ \t]+)?"
PYTHON_LEAD = re.compile(_LEAD, re.IGNORECASE)
"""What may stand on a line before a call in Python."""

NEXT = re.compile(
    r"(?P<thought><(?P<thinks>think(?:ing)?|thoughts?|reasoning|scratch_?pad|reflection)>|\[THINK\])"
    r"|(?P<block>^ {0,3}<{5,9}[ \t]*(?:(?:SEARCH|HEAD|ORIGINAL|OLD|FIND)\b[^\n]*)?$"
    r"|^ {0,3}-{5,9} ?SEARCH>?[ \t]*$)"
    r"|(?P<fence>^[ \t]*(?:`{3,}|~{3,})[^`\n]*$)"
    r"|(?P<patch>^(?:--- [^\n]*\n\+\+\+ |@@ |\*\*\* Begin Patch))"
    rf"|(?P<target>{HARMONY})"
    rf"|(?P<envelope>(?:<[|\uff5c]?|\[)(?P<slash>/?)(?:minimax:|antml:)?{_ENVELOPE}(?:[|\uff5c]?>|\]))"
    r"|(?P<element><[A-Za-z_][\w.:-]*(?=[\s=/>]))"
    rf"|(?P<action>{ACTION})"
    rf"|(?P<named>{NAMED})"
    rf"|(?P<python>^{_LEAD}(?:print\(\s*|await\s+|[A-Za-z_]\w*\s*=\s*){{0,2}}[A-Za-z_][\w.]*\()"
    r"|(?P<json>[{\[])",
    re.MULTILINE | re.IGNORECASE,
)
