"""A language model of two lines behind the gRPC service bench.engine.v1; docs/grpc-engine.md explains it."""

import queue
import sys
import threading
from concurrent import futures

import grpc

sys.path.insert(0, sys.path[0] + "/../../../proto")
pb, services = grpc.protos_and_services("bench/engine/v1/engine.proto")


def following(state, passes):
    """The next state. Every pass computes the same: more of them are slower and answer alike."""
    for _ in range(passes):
        value = state
        for _ in range(200):
            value = (value * 6364136223846793005 + 1442695040888963407) % (1 << 64)
    return value


class Engine(services.EngineServicer):
    def Serve(self, words, context):
        passes, inbox, running = int(sys.argv[2]), queue.Queue(), {}
        listen = lambda: [*map(inbox.put, words), inbox.put(None)]
        threading.Thread(target=listen, daemon=True).start()
        context.add_callback(lambda: inbox.put(None))
        while True:
            fresh = []
            while not running or not inbox.empty():  # waits when idle, else takes what has come
                word = inbox.get()
                if word is None:
                    return
                if word.HasField("open"):
                    yield pb.FromEngine(ready=pb.Ready(protocol=1, engine="two lines", vocabulary=1000))
                for request in word.submit.requests:
                    state = sum((at + 1) * token for at, token in enumerate(request.prompt))
                    running[request.index] = [state, request.max_new_tokens]
                    fresh.append(request.index)
                if word.HasField("cancel") and running.pop(word.cancel, None):
                    yield pb.FromEngine(cancelled=[word.cancel])
            yield pb.FromEngine(started=[index for index in fresh if index in running])
            for request in running.values():
                request[0], request[1] = following(request[0], passes), request[1] - 1
            tokens = [pb.Token(index=index, token=state % 1000) for index, (state, _) in running.items()]
            finished = [index for index, (_, left) in running.items() if left == 0]
            running = {index: request for index, request in running.items() if request[1] > 0}
            yield pb.FromEngine(tokens=tokens, finished=finished)


server = grpc.server(futures.ThreadPoolExecutor(max_workers=4))
services.add_EngineServicer_to_server(Engine(), server)
server.add_insecure_port(f"127.0.0.1:{sys.argv[1]}")
server.start()
server.wait_for_termination()
