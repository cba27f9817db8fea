"""What the forms of the pages accept.  Every rule here is one of the pages; services have their own."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django import forms

from approvals.cancel import MAX_REASON
from approvals.words import REASONS, VERDICTS
from core import durations

MAX_COMMENT = 3_900  # leaves room for the preset's words below the limit of a decision's comment
_WORDS = dict(REASONS)


class SignInForm(forms.Form):
    """Address and password, judged only together (`people.sign_in`)."""

    email = forms.CharField(max_length=254)
    password = forms.CharField(max_length=1024, strip=False)


class DecisionForm(forms.Form):
    """A verdict, on exactly what was shown, with its reason."""

    verdict = forms.ChoiceField(choices=[(verdict, verdict) for verdict in VERDICTS])
    stage = forms.IntegerField(min_value=0, max_value=1000)
    payload_digest = forms.CharField(max_length=100)
    preset = forms.ChoiceField(choices=[("", ""), *REASONS], required=False)
    comment = forms.CharField(max_length=MAX_COMMENT, required=False)

    def __init__(self, data: Any, *, comment_rule: str) -> None:
        super().__init__(data)
        self._comment_rule = comment_rule

    def clean(self) -> dict[str, Any]:
        """Join preset and comment; ask for a reason where policy does."""
        cleaned = super().clean() or {}
        comment = cleaned.get("comment", "")
        if cleaned.get("verdict") == "reject" and cleaned.get("preset"):
            preset = _WORDS[cleaned["preset"]]
            comment = f"{preset}: {comment}" if comment else preset
        cleaned["comment"] = comment
        verdict = cleaned.get("verdict")
        rejected, decides = verdict == "reject", verdict in {"approve", "reject", "edit"}
        asked = decides and (
            self._comment_rule == "always" or (rejected and self._comment_rule == "on_reject")
        )
        if verdict == "return" and not comment and "comment" not in self.errors:
            self.add_error(
                "comment", "Say what the agent shall answer or change. Nothing was decided."
            )
        if asked and not comment and "comment" not in self.errors:
            verb = "reject" if rejected else "approve"
            self.add_error(
                "comment", f"Say why you {verb}: the policy asks for a reason. Nothing was decided."
            )
        return cleaned

    def said(self) -> str:
        """The first fault that a person can mend, as one sentence."""
        if "comment" in self.errors:
            return str(self.errors["comment"][0])
        return "The form arrived incomplete. Nothing was decided: look at the request and choose again."


class ExtendForm(forms.Form):
    """How much more time, and why."""

    by = forms.CharField(max_length=12)
    text = forms.CharField(max_length=MAX_COMMENT)

    def clean_by(self) -> timedelta:
        """The duration that was written."""
        try:
            return durations.parse(str(self.cleaned_data["by"]).strip())
        except durations.DurationError as error:
            raise forms.ValidationError(str(error)) from error


class LinkForm(DecisionForm):
    """What the link of a mail lets somebody say: yes or no, chosen and not preset."""

    verdict = forms.ChoiceField(choices=[("approve", "Approve"), ("reject", "Reject")])

    def said(self) -> str:
        """The first fault that a person can mend, as one sentence."""
        if "verdict" in self.errors:
            return "Choose: approve or reject. Nothing was decided."
        return super().said()


class CancelForm(forms.Form):
    """The owner's withdrawal of their agent's request."""

    reason = forms.CharField(max_length=MAX_REASON, required=False)


class StopForm(forms.Form):
    """Why something is stopped; that there is a reason, and how long, the kill switch asks itself."""

    reason = forms.CharField(required=False)


class WordsForm(forms.Form):
    """A comment, a reason or a review: words that must not be empty."""

    text = forms.CharField(max_length=MAX_COMMENT)


class ReassignForm(forms.Form):
    """Who looks into it from now on, by id."""

    to = forms.CharField(max_length=100)
