"""The inbound push: KlearStack POSTs a document to an endpoint of the customer's.

Framework-free, synchronous and pure: headers and body in, a `Push` or a `WebhookError` out. In
aiohttp, for one:

    async def receive(request: web.Request) -> web.Response:
        try:
            push = parse_push(request.headers, await request.read(), token=TOKEN)
        except WebhookError as error:
            return web.Response(status=error.status, text=str(error))
        await queue.put(push)
        return web.Response()

Answer fast, and expect the same push again: `push.key` tells whether it is the same. Where bodies
may be large, `check_headers` refuses what it can before anything of them is read.
"""

from klearstack_async.webhooks.admission import check_headers
from klearstack_async.webhooks.push import Push, parse_push

__all__ = ["Push", "check_headers", "parse_push"]
