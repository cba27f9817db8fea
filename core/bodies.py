"""What the server in front tells the pages behind it of a body that it did not hand on."""

from __future__ import annotations

from typing import Final

#: In the environ of a form that was larger than a body may be: it arrives without its body.
#: No header of a call can be written so.
LEFT_OUT: Final = "assentry.body_left_out"
