"""The add-on's end of the line to the backend. No bpy here: it runs in any Python with zmq and msgpack."""
