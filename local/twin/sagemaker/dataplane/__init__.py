"""What serves: instances (processes), fleets of them, the router in front, and its meters.

Needs nothing of AWS: asyncio, aiohttp and operating system processes.
"""
