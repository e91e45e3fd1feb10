"""Every action that a key can start, once: bindings, key bar, help, palette and the person's own key
map in `tui.yml` are all made from this table.

The rule for keys: a capital letter takes you somewhere, a small letter does something here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Action:
    """`id` is `ROOM.NAME`: the screen (or `app`, `list`, …) on which it works and the name of its
    `action_NAME` method there. `keys` are Textual's key names, comma-separated. `bar` is its place in
    the key bar, 0 where it is not shown. An action with `command` is known to AMX by that name, and
    the palette finds it everywhere; with `needs_row` it then only goes to the list."""

    id: str
    keys: str
    label: str
    help: str
    bar: int = 0
    shown_key: str = ""
    command: str = ""
    needs_row: bool = False

    @property
    def room(self) -> str:
        return self.id.partition(".")[0]

    @property
    def name(self) -> str:
        return self.id.partition(".")[2]


ACTIONS: tuple[Action, ...] = (
    # Everywhere.
    Action("app.browse", "B", "Browse", "The schema: what there is and what lacks a description"),
    Action("app.drafting", "D", "Drafting", "The run that goes on, or the last one"),
    Action("app.review", "R", "Review", "Decide on what was drafted"),
    Action("app.write", "W", "Write", "Write what was accepted, or export it"),
    Action("app.history", "H", "History", "Past runs and what they cost"),
    Action("app.profiles", "P", "Profiles", "LLM profiles and their keys", command="llm-profiles"),
    Action("app.prices", "dollar_sign", "Prices", "What each model costs", shown_key="$"),
    Action(
        "app.doctor",
        "E",
        "Examine",
        "The doctor: what is set up, what is wrong, and what to do",
        command="doctor",
    ),
    Action("app.help", "question_mark,f1", "help", "All keys of this screen", 99, "?"),
    Action("app.quit", "q,ctrl+q", "quit", "Leave amx-tui; asks while a run is going"),
    # In every list.
    Action("list.up", "up,k", "up", "One row up"),
    Action("list.down", "down,j", "down", "One row down"),
    Action("list.page_up", "pageup,ctrl+b", "page up", "One page up"),
    Action("list.page_down", "pagedown,ctrl+f", "page down", "One page down"),
    Action("list.first", "home,g", "first", "To the first row"),
    Action("list.last", "end,G", "last", "To the last row"),
    Action("list.choose", "enter", "choose", "Open or choose this row"),
    # In every text that scrolls by itself.
    Action("stream.up", "up,k", "up", "One line up"),
    Action("stream.down", "down,j", "down", "One line down"),
    Action("stream.page_up", "pageup,ctrl+b", "page up", "One page up"),
    Action("stream.page_down", "pagedown,ctrl+f", "page down", "One page down"),
    Action("stream.first", "home,g", "first", "To the beginning"),
    Action("stream.last", "end,G", "last", "To the end, and follow it again"),
    # Browse.
    Action("browse.mark", "space", "mark", "Mark this table or column for drafting", 1),
    Action("browse.mark_all", "m", "mark all undescribed", "Mark all that lack a description", 2),
    Action("browse.draft", "d", "draft", "Draft descriptions of what is marked", 3),
    Action("browse.sent", "s", "what is sent", "Show word for word what would be sent", 6),
    Action("browse.into", "right,l", "into", "Unfold, or go to the columns"),
    Action("browse.out", "left,h", "out", "Fold, or go back to the tables"),
    Action("browse.find", "slash", "filter", "Filter tables and columns by text", 4, "/"),
    Action("browse.show", "f", "show", "Show all, what is undescribed, or what is marked", 5),
    Action("browse.points", "p", "what it refers to", "Follow the foreign key of this column", 7),
    Action("browse.return", "b,backspace", "jump back", "Back to where a jump began"),
    Action(
        "browse.elsewhere",
        "w",
        "where else…",
        "What refers to this column, and other columns of its name",
        8,
    ),
    Action("browse.hidden", "a", "all schemas", "With system schemas and partitions, or without"),
    Action("browse.refresh", "r", "read again", "Read the schema again"),
    Action("browse.back", "escape", "back", "One level out"),
    # Start: a chooser where no database was named.
    Action("start.back", "escape", "back", "Leave the field"),
    # Draft: what will be sent, before it is.
    Action("draft.start", "enter", "start", "Send it", 1),
    Action("draft.profile", "p", "profile…", "Choose a profile by what it would cost and take", 2),
    Action("draft.privacy", "v", "privacy", "Send less or more of the rows", 3),
    Action("draft.cap", "c", "cap", "The run stops before it would cost more", 4),
    Action("draft.following", "n", "next batch", "Read the next batch's text", 5),
    Action("draft.redo", "o", "described ones too", "Also draft what is described already", 7),
    Action("draft.low", "l", "only low", "Only what was drafted and came out low, or all again", 6),
    Action("draft.back", "escape", "back", "Back, nothing is sent", 9),
    # Drafting.
    Action("drafting.follow", "enter", "follow batch", "Follow the batch under the cursor"),
    Action("drafting.view", "v", "thinking/answer/request", "Reasoning, answer or request", 3),
    Action(
        "drafting.more_time", "plus,equals_sign", "more time", "A minute more of silence", 1, "+"
    ),
    Action(
        "drafting.retry",
        "t",
        "try again",
        "Ask again what failed, or now what waits; after a silence with twice the time",
        4,
    ),
    Action("drafting.other_host", "o", "other host…", "A refused key at the provider's other host"),
    Action("drafting.cancel", "delete,backspace", "cancel batch", "Stop waiting for this batch", 6),
    Action("drafting.stop", "x", "stop run…", "Stop the run and keep what arrived", 5),
    Action("drafting.back", "escape", "back", "Back to Browse; the run goes on", 0),
    # Review.
    *(
        Action(
            f"review.accept_{n}",
            str(n),
            "accept" if n == 1 else f"accept {n}",
            f"Accept alternative {n} and go to the next undecided",
            1 if n == 1 else 0,
            "1-5" if n == 1 else "",
        )
        for n in range(1, 6)
    ),
    Action("review.accept", "a", "accept marked", "Accept the marked alternative", 14),
    Action("review.next_alternative", "right,l,tab", "next", "Mark the next alternative"),
    Action("review.previous_alternative", "left,h,shift+tab", "previous", "Mark the one before"),
    Action("review.edit", "e", "edit", "Edit the marked alternative, then keep it", 2),
    Action("review.own", "o", "own…", "Write a description in words of your own", 8),
    Action("review.reject", "r", "reject", "Reject all alternatives", 3),
    Action("review.why", "w", "why…", "Say why it was rejected: this one, or the last one"),
    Action("review.later", "s", "later", "Set it aside", 4),
    Action("review.undo", "u", "undo", "Take back the last decision; any number of times", 5),
    Action("review.redo", "ctrl+r", "redo", "Put back what undo took"),
    Action("review.find", "slash", "filter", "Filter by text", 9, "/"),
    Action("review.show", "f", "show…", "List by state, confidence, kind and place; the order", 7),
    Action("review.pick", "m", "mark", "Mark this one for a decision on many", 12),
    Action("review.bulk", "b", "many…", "Decide at once on all that is marked or listed", 10),
    Action(
        "review.same_name",
        "n",
        "same name…",
        "This text for the columns of this name in other tables",
        11,
    ),
    Action(
        "review.draft",
        "d",
        "draft…",
        "Draft this one, or what is marked, again with a hint; decisions stay",
        6,
    ),
    Action("review.reopen", "z", "open again", "Take back the decision on this one alone"),
    Action(
        "review.more", "space", "more", "Read on in the card; after its end, from its beginning", 13
    ),
    Action("review.versions", "v", "versions", "What an earlier run said of it, side by side"),
    Action("review.passages", "p", "documents", "Read what of documents and code was sent"),
    Action("review.copy", "c", "copy", "Copy the marked alternative; it says where to"),
    Action("review.back", "escape", "back", "One level out"),
    # The editor of one text.
    Action("editor.keep", "ctrl+s", "keep", "Keep this text", 1),
    Action("editor.leave", "escape", "leave", "Leave; asks if the text was changed", 2),
    # Write.
    Action("write.apply", "enter,a", "write…", "Write all of them, after a question", 1),
    Action(
        "write.export", "x", "export…", "Write SQL, dbt, Markdown, CSV, JSON or tbls into a file", 2
    ),
    Action(
        "write.undo", "u", "undo last write…", "Put the old texts back where ours still stand", 3
    ),
    Action("write.refresh", "r", "read again", "Read the database again"),
    Action("write.back", "escape", "back", "Back to Review"),
    # Profiles.
    Action("profiles.add", "n", "new", "A new LLM profile", 1, command="add-llm-profile"),
    Action(
        "profiles.use",
        "enter",
        "use this one",
        "Make this profile the active one, or open this connection",
        2,
        command="use-llm",
        needs_row=True,
    ),
    Action("profiles.edit", "e", "edit", "Change what is under the cursor", 3),
    Action("profiles.test", "t", "test", "Ask its host, or open its database", 4),
    Action("profiles.copy", "c", "copy…", "A new one like it, with its key", 5),
    Action("profiles.rename", "r", "rename…", "Give it another name; its key goes along", 6),
    Action(
        "profiles.remove",
        "x,delete",
        "remove…",
        "Take it out of config.yml, and its key out of the keyring; asks",
        7,
        command="remove-llm-profile",
        needs_row=True,
    ),
    Action("profiles.other", "tab,shift+tab", "other list", "LLM profiles or connections", 8),
    Action("profiles.back", "escape", "back", "Back to Browse"),
    # The forms for profiles and connections. Letters belong to the text fields.
    Action("form.save", "ctrl+s", "save", "Save it to config.yml", 1),
    Action(
        "form.test", "f5,ctrl+t,t", "test", "Try it out as it stands here, saved or not", 2, "F5"
    ),
    Action(
        "form.take", "f4", "take it", "Put the better value that is offered into its field", 3, "F4"
    ),
    Action("form.list", "f3", "its models", "Ask the host which models this key has", 4, "F3"),
    Action(
        "form.written", "f2", "the YAML", "What will be written, or what can be chosen", 5, "F2"
    ),
    Action("form.more", "ctrl+o", "more", "Fold or unfold what is seldom needed", 6),
    Action("form.up", "up", "up", "The choice before, or the field before"),
    Action("form.down", "down", "down", "The next choice, or the next field"),
    Action("form.page_up", "pageup", "page up", "Read what stands beside"),
    Action("form.page_down", "pagedown", "page down", "Read on in what stands beside"),
    Action("form.leave", "escape", "leave", "Leave; asks where something would be lost", 7),
    # History and prices.
    Action("history.open", "enter", "review it", "To what this run drafted, or to this target", 1),
    Action("history.mark", "space", "mark", "Mark this run, to compare it with another one", 2),
    Action(
        "history.compare", "c", "compare", "The marked runs side by side; else the one before", 3
    ),
    Action("history.written", "w,tab", "runs/written", "The runs, or who wrote what when", 4),
    Action(
        "history.find", "slash", "filter", "Filter by target, text, profile, model and who", 5, "/"
    ),
    Action("history.rest", "t", "the rest…", "Draft what this run lacks; it is shown first", 6),
    Action("history.back", "escape", "back", "One level out"),
    # Two runs side by side.
    Action("compare.open", "enter", "review it", "To this target in Review", 1),
    Action("compare.more", "space", "more", "Read on; after the end, from the beginning", 2),
    Action("compare.swap", "s", "swap", "The other run on the left", 3),
    Action("compare.back", "escape", "back", "Back to where you came from", 4),
    Action("prices.fetch", "f", "fetch", "Fetch the public price tables; no key is sent", 1),
    Action("prices.back", "escape", "back", "Back to Browse"),
    # The doctor.
    Action("doctor.whole", "enter", "whole line", "Read this line to its end", 1),
    Action("doctor.again", "r,t", "look again", "Look at everything again", 2),
    Action("doctor.show", "f", "show", "Show everything, or only what is not in order", 3),
    Action("doctor.copy", "c", "copy", "Copy the report as text; there is no secret in it", 4),
    Action("doctor.all_hosts", "a", "all hosts…", "Ask the hosts that no draft would call", 5),
    Action("doctor.back", "escape", "back", "Back to Browse"),
    Action("finding.copy", "c", "copy", "Copy this line", 1),
    Action("finding.leave", "escape,enter,q", "close", "Back to the report", 2),
    # Questions.
    Action("question.yes", "y", "yes", "Yes", 1),
    Action("question.no", "n,escape", "no", "No", 2),
    Action("notice.leave", "enter,escape", "go on", "Close it and go on", 1),
    Action("ask.leave", "escape", "leave", "Leave without an answer"),
    Action("export.what", "w", "what goes in", "Only decided texts, or the whole catalog"),
    Action("export.leave", "escape", "leave", "Leave, nothing is written"),
    Action("bulk.accept", "a", "accept all", "The first alternative of each", 1),
    Action("bulk.reject", "r", "reject all", "Reject all of them", 2),
    Action("bulk.later", "s", "all later", "Set all of them aside", 3),
    Action("bulk.leave", "escape", "leave", "Leave; nothing is decided", 4),
    Action("same.keep", "a,ctrl+s", "accept these", "This text for every column with a ●", 1),
    Action("same.one", "space", "this one", "With or without this column", 2),
    Action("same.all", "m", "all or none", "All columns, or none", 3),
    Action("same.leave", "escape", "leave", "Leave; nothing is decided", 4),
    Action("offers.leave", "escape,p,q", "leave", "Leave; the profile stays", 1),
    Action("show.leave", "escape,f", "close", "Close; what is chosen stays", 1),
    Action("elsewhere.leave", "escape", "leave", "Leave without going anywhere"),
    Action("passages.leave", "escape,p,q", "close", "Close it", 1),
    Action("help.leave", "escape,q,question_mark", "close", "Close the help", 1),
)

BY_ID = {action.id: action for action in ACTIONS}

# How a key is written for people; what is not here is written as it is.
KEY_NAMES = {
    "escape": "esc",
    "question_mark": "?",
    "dollar_sign": "$",
    "slash": "/",
    "plus": "+",
    "pageup": "pgup",
    "pagedown": "pgdn",
    "delete": "del",
    "up": "↑",
    "down": "↓",
    "left": "←",
    "right": "→",
    "shift+tab": "shift-tab",
}


def actions_of(room: str) -> tuple[Action, ...]:
    """The actions of a room, in the order of the table."""
    return tuple(action for action in ACTIONS if action.room == room)


def key_name(action: Action) -> str:
    """The first key of an action, as people write it."""
    if action.shown_key:
        return action.shown_key
    key = action.keys.split(",")[0]
    return KEY_NAMES.get(key, key.replace("ctrl+", "ctrl-"))


def keys_of(action: Action, keymap: Mapping[str, str]) -> str:
    """All keys of an action, as people write them; the person's own replace ours."""
    own = keymap.get(action.id)
    if own is None and action.shown_key:
        return action.shown_key
    keys = (own or action.keys).split(",")
    return " ".join(KEY_NAMES.get(key, key.replace("ctrl+", "ctrl-")) for key in keys)


def find_clashes(keymap: Mapping[str, str]) -> tuple[str, ...]:
    """Where a key of the person's own map starts two actions of the same screen, in words."""
    clashes = []
    for moved, keys in keymap.items():
        if moved not in BY_ID:
            continue
        rooms = {BY_ID[moved].room, "app"}
        for other in ACTIONS:
            if other.id == moved or other.room not in rooms:
                continue
            theirs = keymap.get(other.id, other.keys).split(",")
            shared = [key for key in keys.split(",") if key in theirs]
            clashes += [f"{key} is the key of {moved} and of {other.id}" for key in shared]
    return tuple(clashes)
