"""What a page about a refusal or a fault is called, and what to do next, by the status it carries."""

from winery_appliance.core.words import N_

TITLES: dict[int, str] = {
    400: N_("This could not be read"),
    403: N_("You may not do this"),
    404: N_("There is nothing here"),
    405: N_("This cannot be done here"),
    409: N_("Somebody was here before"),
    412: N_("Somebody was here before"),
    413: N_("That is too much at once"),
    422: N_("This cannot be right"),
    429: N_("Too many tries"),
    500: N_("Something went wrong on our side"),
    503: N_("The database is away for a moment"),
}
WHAT_NEXT: dict[int, str] = {
    400: N_("Go back, load the page anew and try again."),
    404: N_("Check the address, or start from the board."),
    409: N_("Load the page anew to see what is in the book now."),
    412: N_("Load the page anew to see what is in the book now."),
    413: N_("Send less at once."),
    429: N_("Wait a little, then try again."),
    500: N_("Try again. If it happens again, tell IT the number below."),
    503: N_("Try again in a few seconds; it usually mends itself."),
}
