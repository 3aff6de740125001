"""Write the report as the one comment of this check in a pull request; later runs replace it.

Never fails a job: a fork's pull request has a token that may not write, and the verdict is not this script's.
Source of the calls: docs.github.com/rest/issues/comments.
"""

import json
import os
import sys
import urllib.error
import urllib.request
from pathlib import Path

# Characters of a comment that GitHub takes.
MOST = 65_536
PER_PAGE = 100
# A pull request of more comments gets a second one rather than a thousand requests.
PAGES = 30
TIMEOUT_S = 30


def main() -> None:
    """Write or replace the comment, or say in one warning why not."""
    report, token, repository = (os.environ.get(name, "") for name in ("REPORT", "TOKEN", "GITHUB_REPOSITORY"))
    try:
        number = _pull_request()
        if number is None:
            print("no pull request: no comment")
        elif not report:
            _warn("the check has made no report, so there is no comment")
        elif not token:
            _warn("no token: no comment; the job summary has the report")
        else:
            marker = f"<!-- onnx-roofline:{os.environ.get('COMMENT_ID', 'default').replace('--', '- -')} -->"
            body = f"{marker}\n{Path(report).read_text('utf-8')}"
            Comments(token, repository).put(number, marker, body[:MOST])
    except urllib.error.HTTPError as error:
        why = " (a pull request from a fork may not write; the job summary has the report)" if error.code == 403 else ""
        _warn(f"the comment can't be written: {error.code} {error.reason}{why}")
    except Exception as error:
        _warn(f"the comment can't be written: {type(error).__name__}: {error}")


class Comments:
    """The comments of a repository's pull requests."""

    def __init__(self, token: str, repository: str) -> None:
        self.token = token
        api = os.environ.get("GITHUB_API_URL", "https://api.github.com")
        self.issues = f"{api}/repos/{repository}/issues"

    def put(self, number: int, marker: str, body: str) -> None:
        """Replace the comment that starts with the marker, or write a new one."""
        for page in range(1, PAGES + 1):
            found = self._call("GET", f"{self.issues}/{number}/comments?per_page={PER_PAGE}&page={page}")
            for comment in found:
                if (comment.get("body") or "").startswith(marker):
                    self._call("PATCH", f"{self.issues}/comments/{int(comment['id'])}", {"body": body})
                    return
            if len(found) < PER_PAGE:
                break
        self._call("POST", f"{self.issues}/{number}/comments", {"body": body})

    def _call(self, method: str, url: str, document: object = None) -> list[dict]:
        headers = {
            "Authorization": f"Bearer {self.token}",
            "Accept": "application/vnd.github+json",
            "X-GitHub-Api-Version": "2022-11-28",
            "User-Agent": "onnx-roofline",
        }
        data = None if document is None else json.dumps(document).encode("utf-8")
        request = urllib.request.Request(url, data, headers, method=method)  # noqa: S310  the API's address
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310
            return json.loads(answer.read())


def _pull_request() -> int | None:
    """Number of the pull request that the run is of."""
    path = os.environ.get("GITHUB_EVENT_PATH", "")
    event = json.loads(Path(path).read_text("utf-8")) if path else {}
    number = (event.get("pull_request") or {}).get("number")
    return None if number is None else int(number)


def _warn(text: str) -> None:
    escaped = text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    print(f"::warning title=onnx-roofline::{escaped}")


if __name__ == "__main__":
    main()
    sys.exit(0)
