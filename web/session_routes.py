"""The HTTP routes that create, read and erase a session."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, jsonify, request
from marshmallow import ValidationError

from chat.errors import SessionGone
from chat.json_lists import encode_object
from chat.session_schema import CreateSessionSchema, SessionSchema, StoredMessageSchema
from chat.session_store import SessionStore

_SESSION = SessionSchema()
_HEAD = SessionSchema(exclude=["messages"])
_MESSAGE = StoredMessageSchema()
_NAME = CreateSessionSchema()


def token_from_request() -> str:
    """Return the token in the request's query or ``Authorization`` header; '' if there is none."""
    scheme, _, bearer = request.headers.get("Authorization", "").partition(" ")
    return request.args.get("token") or (bearer.strip() if scheme.lower() == "bearer" else "")


def session_blueprint(store: SessionStore) -> Blueprint:
    """Return the routes that create, read and erase a session."""
    routes = Blueprint("sessions", __name__)

    @routes.get("/test")
    def test() -> Response:
        return jsonify(msg="API is Online")

    @routes.post("/token")
    def create() -> Response:
        name = _NAME.load(_request_field("name"))["name"]
        return jsonify(_SESSION.dump(store.create(name)))

    @routes.route("/refresh_token", methods=["GET", "POST"])
    def read() -> Response:
        session = store.history(token_from_request())
        messages = map(_MESSAGE.dump, session.messages)
        body = encode_object(_HEAD.dump(session), "messages", messages)
        return Response(body, mimetype="application/json")

    @routes.delete("/token")
    def erase() -> tuple[str, int]:
        store.erase(token_from_request())
        return "", 204

    @routes.errorhandler(ValidationError)
    def bad_name(_: ValidationError) -> tuple[Response, int]:
        return jsonify(detail={"loc": "name", "msg": "Enter a valid name"}), 400

    @routes.errorhandler(SessionGone)
    def gone(_: SessionGone) -> tuple[Response, int]:
        return jsonify(detail="Session expired or does not exist"), 400

    return routes


def _request_field(field: str) -> dict[str, Any]:
    """Return a field with its value from the query, the form or the JSON body.

    The first of them that has the field counts. Returns {} if none has it.
    """
    for source in (request.args, request.form, _json()):
        if isinstance(source, dict) and field in source:
            return {field: source[field]}
    return {}


def _json() -> Any:
    """Return the JSON body, or None if the body is not JSON."""
    try:
        return request.get_json(silent=True)
    except RecursionError:  # nested too deeply
        return None
