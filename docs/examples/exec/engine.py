"""A language model of two lines behind standard input and output; docs/exec-engine.md explains it."""

import json
import queue
import sys
import threading

VOCABULARY = 1000


def following(state, passes):
    """The next state. Every pass computes the same, so more passes are slower but give the same answer."""
    for _ in range(passes):
        value = state
        for _ in range(200):
            value = (value * 6364136223846793005 + 1442695040888963407) % (1 << 64)
    return value


def listen(inbox):
    for line in sys.stdin:
        inbox.put(json.loads(line))
    inbox.put(None)


def say(**line):
    print(json.dumps(line), flush=True)


def main():
    passes, inbox, running = int(sys.argv[sys.argv.index("--passes") + 1]), queue.Queue(), {}
    threading.Thread(target=listen, args=[inbox], daemon=True).start()
    while True:
        fresh = []
        while not running or not inbox.empty():  # waits when idle, else takes what has come
            word = inbox.get()
            if word is None:
                return
            if "open" in word:
                say(ready={"protocol": 1, "engine": "two lines", "vocabulary": VOCABULARY})
            for request in word.get("submit", []):
                state = sum((at + 1) * token for at, token in enumerate(request["prompt"]))
                running[request["index"]] = [state, request["max_new_tokens"]]
                fresh.append(request["index"])
            if running.pop(word.get("cancel"), None):
                say(cancelled=[word["cancel"]])
        say(started=[index for index in fresh if index in running])
        for request in running.values():
            request[0], request[1] = following(request[0], passes), request[1] - 1
        finished = [index for index, (_, left) in running.items() if left == 0]
        tokens = [[index, state % VOCABULARY] for index, (state, _) in running.items()]
        say(tokens=tokens, finished=finished)
        for index in finished:
            del running[index]


main()
