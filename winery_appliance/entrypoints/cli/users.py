"""`winery users`: the way in for IT, also when the last owner is locked out."""

from functools import partial
from pathlib import Path
from typing import Any

import click

from winery_appliance.auth.commands import AddUser, NewPassword
from winery_appliance.auth.passwords import hash_password, make_readable_secret
from winery_appliance.auth.people import (
    PersonView,
    add_person,
    forget_failures,
    give_password,
    list_people,
    make_reset_code,
    remove_person,
    restore_person,
)
from winery_appliance.auth.permissions import Role
from winery_appliance.core.web import parse
from winery_appliance.entrypoints.cli.book import act_for, open_book
from winery_appliance.entrypoints.cli.terminal import (
    data_option,
    json_option,
    note,
    read_password,
    show_json,
    show_list,
)
from winery_appliance.winery.queries import WineryName

GENERATED_LENGTH = 16  # 80 bits
COLUMNS = {
    "winery": "WINERY",
    "login": "LOGIN",
    "role": "ROLE",
    "is_active": "ACTIVE",
    "display_name": "NAME",
}

password_file_option = click.option(
    "--password-file",
    type=click.Path(path_type=Path),
    help="The password is the file's first line; - reads standard input.",
)
generate_option = click.option(
    "--generate", is_flag=True, help="Make a password; it is printed once."
)


@click.group()
def users() -> None:
    """Who may sign in.

    LOGIN is an e-mail or a username. A password is typed at the terminal, read from a file, or made and printed once; it
    is never an argument, where every user of the machine could read it.
    """


@users.command("list")
@click.option("--winery", "code", help="Only this winery's.")
@data_option
@json_option
def list_all(code: str | None, data: Path | None, as_json: bool) -> None:
    """Everybody, at the end who was shut out."""
    with open_book(data) as book:
        found = [
            _tell(winery, person)
            for deleted in (False, True)
            for winery, person in book.read_all(code, partial(list_people, deleted=deleted))
        ]
    show_list("users", found, COLUMNS, as_json=as_json)


@users.command()
@click.option("--winery", "code", help="The winery's code; not needed where there is only one.")
@click.option("--email", help="E-mail to sign in with.")
@click.option("--username", help="Username to sign in with, for who has no e-mail.")
@click.option("--name", "display_name", required=True, help="The name shown in the book.")
@click.option(
    "--role",
    type=click.Choice([str(role) for role in Role]),
    required=True,
    help="What they may do.",
)
@password_file_option
@generate_option
@data_option
@json_option
def add(
    code: str | None,
    password_file: Path | None,
    generate: bool,
    data: Path | None,
    as_json: bool,
    **given: str | None,
) -> None:
    """Let somebody in."""
    with open_book(data) as book:
        winery = book.find_winery(code)
        password = _choose_password(password_file, generate)
        command = parse(AddUser, {**given, "role": Role(str(given["role"])), "password": password})
        hashed = hash_password(password)
        with book.app.transaction(winery.id) as session:
            person, _ = add_person(session, command, hashed, actor=act_for(winery))
    _report(
        {"user": _tell(winery, person), "password": password if generate else None},
        f"{person.display_name} may sign in to {winery.code} as {_login(person)}.",
        as_json,
    )


@users.command()
@click.argument("login")
@click.option("--set-password", is_flag=True, help="Type the new password here, now.")
@password_file_option
@generate_option
@data_option
@json_option
def reset(
    login: str,
    set_password: bool,
    password_file: Path | None,
    generate: bool,
    data: Path | None,
    as_json: bool,
) -> None:
    """Give somebody the way back in: a one-time code good for a day, or a new password.

    Without an option a code is made; the old password works until the code is used. With a new password every sign-in
    and token ends at once. Either way failed attempts are forgotten, so that the door opens again at once.
    """
    if set_password + bool(password_file) + generate > 1:
        raise click.UsageError("Choose one of --set-password, --password-file and --generate.")
    with open_book(data) as book:
        winery, person = book.find_person(login)
        if person.deleted_at is not None:
            raise click.ClickException(
                f"{person.display_name} is shut out. Nothing was changed. "
                f"Run `winery users activate {_login(person)}` first."
            )
        if not (set_password or password_file or generate):
            with book.app.transaction(winery.id) as session:
                made = make_reset_code(session, person.id, actor=act_for(winery))
                forget_failures(session, person.id)
            _report(
                {
                    "user": _tell(winery, person),
                    "code": made.code,
                    "expires_at": made.expires_at.isoformat(timespec="seconds"),
                    "password": None,
                },
                f"{person.display_name} chooses a new password with this code, until "
                f"{made.expires_at:%Y-%m-%d %H:%M} UTC.",
                as_json,
            )
            return
        password = _choose_password(password_file, generate)
        parse(NewPassword, {"password": password})
        hashed = hash_password(password)
        with book.app.transaction(winery.id) as session:
            give_password(session, person.id, hashed)
    _report(
        {
            "user": _tell(winery, person),
            "code": None,
            "expires_at": None,
            "password": password if generate else None,
        },
        f"{person.display_name} has a new password; every sign-in and token ended.",
        as_json,
    )


@users.command()
@click.argument("login")
@data_option
@json_option
def deactivate(login: str, data: Path | None, as_json: bool) -> None:
    """Shut somebody out: every sign-in and token ends. The last owner stays."""
    _let_in(login, data, as_json, is_active=False)


@users.command()
@click.argument("login")
@data_option
@json_option
def activate(login: str, data: Path | None, as_json: bool) -> None:
    """Let somebody who was shut out in again, with the password they had."""
    _let_in(login, data, as_json, is_active=True)


def _let_in(login: str, data: Path | None, as_json: bool, *, is_active: bool) -> None:
    with open_book(data) as book:
        winery, person = book.find_person(login)
        with book.app.transaction(winery.id) as session:
            if is_active:
                restore_person(session, person.id, actor=act_for(winery))
            elif person.deleted_at is None:
                remove_person(session, person.id, actor=act_for(winery))
        _, person = book.find_person(login)
    word = "may sign in" if is_active else "is shut out"
    _report({"user": _tell(winery, person)}, f"{person.display_name} {word}.", as_json)


def _choose_password(file: Path | None, generate: bool) -> str:
    if generate and file:
        raise click.UsageError("Choose one of --password-file and --generate.")
    return make_readable_secret(GENERATED_LENGTH) if generate else read_password(file)


def _report(document: dict[str, Any], sentence: str, as_json: bool) -> None:
    """Say what was done; the secret that is told once stands alone on its line."""
    if as_json:
        show_json(document)
        return
    note(sentence)
    secret = document.get("password") or document.get("code")
    if secret:
        click.echo(secret)


def _login(person: PersonView) -> str:
    return person.username or person.email or ""


def _tell(winery: WineryName, person: PersonView) -> dict[str, Any]:
    return {
        "id": person.id,
        "winery": winery.code,
        "login": _login(person),
        "email": person.email,
        "username": person.username,
        "display_name": person.display_name,
        "role": str(person.role),
        "is_active": person.deleted_at is None,
        "created_at": person.created_at.isoformat(timespec="seconds"),
    }
