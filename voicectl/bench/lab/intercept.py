"""A TLS-inspecting box: ends TLS with its own certificate and begins it anew to the server.

python -m voicectl.bench.lab.intercept PORT CERTIFICATE KEY SERVER SERVER_PORT
"""

import asyncio
import ssl
import sys


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()


async def main(port: int, certificate: str, key: str, server: str, server_port: int) -> None:
    """Inspect until the process is ended."""
    outwards = ssl.create_default_context()
    outwards.check_hostname = False
    outwards.verify_mode = ssl.CERT_NONE
    inwards = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    inwards.load_cert_chain(certificate, key)

    async def inspect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection(server, server_port, ssl=outwards)
        await asyncio.gather(_copy(reader, far_writer), _copy(far_reader, writer))

    listener = await asyncio.start_server(inspect, "0.0.0.0", port, ssl=inwards)
    await listener.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[4], int(sys.argv[5])))
