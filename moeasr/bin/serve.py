"""Serve a model folder to browsers, programs and other machines.

The page at / shows text while you speak. The websocket at / takes the protocol of sherpa-onnx's
server for streaming models. POST /v1/audio/transcriptions takes files in the form of OpenAI. GET
/health and /metrics tell how the server is. No audio and no text is stored.

Ctrl-C or SIGTERM ends the server after running streams have finished.
"""

import argparse
import asyncio

from moeasr.bin import run
from moeasr.decode.live.config import EndpointConfig
from moeasr.deploy.optional_packages import import_optional
from moeasr.limits import num_processes
from moeasr.options import add_options, given_options, with_given
from moeasr.parser import Parser
from moeasr.serve.config import AddressConfig, Limits


def get_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = Parser(
        description=__doc__,
        epilog="examples:\n  moeasr serve --model exp/u2pp_moe/export\n"
        "  moeasr serve --model exp/u2pp_moe/export --quantize int8 --num-threads 4 --port 8080",
    )
    add = parser.add_argument
    text = "exported model folder, which runs in onnxruntime"
    add("--model", required=True, metavar="DIR", help=text)
    add("--mode", help="decoding mode (default: the most accurate mode of the folder)")
    text = "precision of the networks (default: float32)"
    add("--quantize", choices=("int8",), help=text)
    text = "number of CPU threads of a network (default: chosen by onnxruntime)"
    add("--num-threads", type=num_processes, metavar="N", help=text)
    add_options(parser.add_argument_group("address and access"), AddressConfig())
    add_options(parser.add_argument_group("limits"), Limits())
    add_options(parser.add_argument_group("end of an utterance"), EndpointConfig())
    return parser


def main(argv: list[str] | None = None) -> None:
    """Run `moeasr serve`."""
    args = get_parser().parse_args(argv)
    address, limits, rules = (
        with_given(config, given_options(args, type(config)))
        for config in (AddressConfig(), Limits(), EndpointConfig())
    )
    import_optional("aiohttp", "serve")
    from moeasr.logs import setup_logging
    from moeasr.serve.application import ServedApplication
    from moeasr.serve.served_model import open_model
    from moeasr.serve.server import serve

    setup_logging()
    model = open_model(
        args.model,
        quantize=args.quantize,
        num_threads=args.num_threads,
        mode=args.mode,
        rules=rules,
    )

    def announce(url: str) -> None:
        print(f"{url} serves {model.engine.describe()}; Ctrl-C ends it", flush=True)

    application = ServedApplication(model, limits, address)
    try:
        asyncio.run(serve(application.web, address, limits.grace, announce))
    finally:
        application.close()


if __name__ == "__main__":
    run(main)
