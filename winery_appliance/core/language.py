"""In which language a page or an answer speaks: the winery's; before anybody is signed in, and to programs, the asker's."""

from flask import Flask, request
from flask_babel import Babel

from winery_appliance.core.words import (
    LANGUAGES,
    find_form,
    find_text,
    read_sentences,
    speak,
    spoken,
)


def set_up_languages(app: Flask) -> None:
    """Give the templates `_()` and `ngettext()`, `lang` for the page's own tag, and the sentences of its scripts."""
    Babel(app, default_locale="en", locale_selector=spoken)  # dates and numbers
    # One reader of sentences for pages and for everything that knows no HTTP.
    app.jinja_env.install_gettext_callables(find_text, find_form, newstyle=True)  # type: ignore[attr-defined]
    app.before_request(_speak_the_askers)
    app.context_processor(
        lambda: {"lang": spoken(), "script_words": read_sentences(spoken()).of_scripts}
    )


def _speak_the_askers() -> None:
    """What the browser asks for; a signed-in person's page speaks the winery's, once that is known."""
    speak(request.accept_languages.best_match(LANGUAGES, "en") or "en")
