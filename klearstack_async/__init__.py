"""Asyncio-native, unofficial client for KlearStack's document-extraction API."""
