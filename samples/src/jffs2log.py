#!/usr/bin/env python3
"""Append log entries to a little-endian JFFS2 image, as a running system would.

    jffs2log.py IMAGE ERASEBLOCK write NAME INO VERSION FILE
    jffs2log.py IMAGE ERASEBLOCK delete NAME VERSION

mkfs.jffs2 writes each file once; a partition in use also holds superseded
versions and deletion entries. The image must not be padded yet. Node layout:
include/uapi/linux/jffs2.h of the Linux kernel, as `jffs2dump` prints it.
"""
import struct
import sys
import zlib


def crc(data):
    # jffs2's CRC-32 starts at 0 and is not inverted at the end
    return zlib.crc32(data, 0xFFFFFFFF) ^ 0xFFFFFFFF


def header(kind, length):
    h = struct.pack("<HHI", 0x1985, kind, length)
    return h + struct.pack("<I", crc(h))


def inode(ino, version, data):
    body = struct.pack("<IIIHHIIIIIIIBBH", ino, version, 0o100600, 0, 0, len(data), 0, 0, 0,
                       0, len(data), len(data), 0, 0, 0)
    node = header(0xE002, 68 + len(data)) + body
    return node + struct.pack("<II", crc(data), crc(node)) + data


def dirent(parent, version, ino, name):
    body = struct.pack("<IIIIBBH", parent, version, ino, 0, len(name), 8 if ino else 0, 0)
    node = header(0xE001, 40 + len(name)) + body
    return node + struct.pack("<II", crc(node), crc(name)) + name


def main():
    image, block, verb, name = sys.argv[1], int(sys.argv[2], 0), sys.argv[3], sys.argv[4].encode()
    if verb == "write":
        with open(sys.argv[7], "rb") as f:
            node = inode(int(sys.argv[5]), int(sys.argv[6]), f.read())
    else:
        node = dirent(1, int(sys.argv[5]), 0, name)
    with open(image, "r+b") as f:
        data = f.read()
        data += b"\xff" * (-len(data) % 4)
        if len(data) % block + len(node) > block:
            sys.exit("jffs2log: the node would cross an erase block")
        f.seek(0)
        f.write(data + node)


main()
