#!/usr/bin/env python3
"""A second verifier of bundles, written from docs/bundle.md and docs/records.md.

usage: verify.py VECTOR...

Prints "NAME: VERDICT" for each vector and exits 1 when one is not the vector's
own. It uses the standard library, `openssl pkeyutl` for Ed25519, and
`node verify.mjs` for ML-DSA-44; without the latter's library, vectors that need
it are "skipped".
"""
import base64, binascii, datetime, hashlib, json, os, re, struct, subprocess, sys, tempfile, zlib

HERE = os.path.dirname(os.path.abspath(__file__))
BASE = "https://github.com/wardein/wardein/predicate/"
HEX = re.compile(r"[0-9a-f]{64}\Z")


class Refused(Exception):
    def __init__(self, part, why):
        super().__init__(part + ": " + why)
        self.part = part


class Bad(Exception):
    """What is wrong with a text; the caller knows the part."""


class Skip(Exception):
    pass


def need(ok, why):
    if not ok:
        raise Bad(why)


def sha(*parts):
    h = hashlib.sha256()
    for p in parts:
        h.update(p)
    return h.digest()


# -- canonical JSON ---------------------------------------------------------


def canonical(v):
    return json.dumps(v, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode("utf-8")


def parse(b):
    def no(x):
        raise Bad("number " + x)

    try:
        v = json.loads(b.decode("utf-8"), parse_float=no, parse_constant=no)
        check_numbers(v)
        need(canonical(v) == b, "not in canonical form")
    except (ValueError, RecursionError) as e:
        raise Bad(str(e))
    return v


def check_numbers(v):
    if isinstance(v, dict):
        for x in v.values():
            check_numbers(x)
    elif isinstance(v, list):
        for x in v:
            check_numbers(x)
    elif isinstance(v, int) and not isinstance(v, bool):
        need(abs(v) < 1 << 53, "number %d" % v)


def fields(v, **types):
    """The object has exactly these fields, of these types."""
    need(isinstance(v, dict) and set(v) == set(types), "fields")
    for name, t in types.items():
        need(type(v[name]) is t, "field " + name)


def line(b):
    need(b.endswith(b"\n"), "no line feed")
    return parse(b[:-1])


def digest(s):
    need(isinstance(s, str) and HEX.match(s), "digest")
    return bytes.fromhex(s)


def unbase64(s):
    try:
        b = base64.b64decode(s, validate=True)
    except (binascii.Error, ValueError) as e:
        raise Bad("base64: %s" % e)
    need(base64.b64encode(b).decode() == s, "base64")
    return b


# -- container --------------------------------------------------------------


def valid_name(name):
    return len(name) <= 100 and re.match(rb"[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)?\Z", name)


def common(m):
    return struct.pack("<HHHHHIIIHH", 10, 0, 0, 0, 0x21, m["crc"], m["size"], m["size"], len(m["name"]), 0)


def container(b):
    def fail(why):
        raise Refused("container", why)

    members, off = [], 0
    while b[off : off + 4] == b"PK\x03\x04":
        head = b[off : off + 30]
        if len(head) < 30:
            fail("header is cut off")
        m = {"crc": struct.unpack_from("<I", head, 14)[0], "size": struct.unpack_from("<I", head, 22)[0], "at": off}
        n = struct.unpack_from("<H", head, 26)[0]
        m["name"] = b[off + 30 : off + 30 + n]
        if len(m["name"]) != n or not valid_name(m["name"]) or head != b"PK\x03\x04" + common(m):
            fail("header at %d" % off)
        off += 30 + n
        if m["size"] > len(b) - off:
            fail("member is cut off")
        if members and members[-1]["name"] >= m["name"]:
            fail("order")
        m["content"] = b[off : off + m["size"]]
        off += m["size"]
        members.append(m)
    if not 1 <= len(members) <= 65000:
        fail("%d members" % len(members))
    d = b""
    for m in members:
        d += b"PK\x01\x02" + struct.pack("<H", 10) + common(m) + struct.pack("<HHHII", 0, 0, 0, 0, m["at"])[:10] + struct.pack("<I", m["at"]) + m["name"]
    d += b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, len(members), len(members), len(d), off, 0)
    if b[off:] != d:
        fail("directory")
    return {m["name"].decode(): m for m in members}


def read(members, name, most):
    part = "member " + name
    if name not in members:
        raise Refused(part, "missing")
    m = members[name]
    if m["size"] > most:
        raise Refused(part, "too long")
    if zlib.crc32(m["content"]) != m["crc"]:
        raise Refused(part, "crc32")
    return m["content"]


# -- keys and policy --------------------------------------------------------


class Key:
    def __init__(self, vkey, types):
        f = vkey.split("+", 2)
        need(len(f) == 3 and f[0] != "", "vkey")
        self.name, self.hash = f[0], f[1]
        raw = unbase64(f[2])
        need(len(raw) > 1 and raw[0] in types, "type of key")
        self.type, self.public = raw[0], raw[1:]
        need(len(self.public) == (1312 if self.type == 6 else 32), "length of key")
        need(sha(self.name.encode() + b"\n" + raw)[:4].hex() == self.hash, "hash of key")
        self.label = self.name

    def id(self):
        return self.name + "+" + self.hash

    def verify(self, text, sig):
        """Of a checkpoint's text. True, or False."""
        if self.type == 1:
            return ed25519(self.public, text, sig)
        need(len(sig) > 8 and sig[0] < 0x80, "time")
        time = struct.unpack(">Q", sig[:8])[0]
        if self.type == 4:
            return ed25519(self.public, b"cosignature/v1\ntime %d\n" % time + text, sig[8:])
        origin, size, root = checkpoint(text)
        name, origin = self.name.encode(), origin.encode()
        msg = b"subtree/v1\n\0" + bytes([len(name)]) + name + sig[:8] + bytes([len(origin)]) + origin + struct.pack(">QQ", 0, size) + root
        return mldsa(self.public, msg, sig[8:])


def ed25519(public, msg, sig):
    if len(sig) != 64:
        return False
    der = bytes.fromhex("302a300506032b6570032100") + public
    with tempfile.TemporaryDirectory() as d:
        names = {}
        for n, b in (("key", der), ("msg", msg), ("sig", sig)):
            names[n] = os.path.join(d, n)
            with open(names[n], "wb") as f:
                f.write(b)
        r = subprocess.run(
            ["openssl", "pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey", names["key"], "-rawin", "-in", names["msg"], "-sigfile", names["sig"]],
            capture_output=True,
        )
    return r.returncode == 0


def mldsa(public, msg, sig):
    ask = json.dumps({"public": public.hex(), "message": msg.hex(), "signature": sig.hex()})
    try:
        r = subprocess.run(["node", os.path.join(HERE, "verify.mjs")], input=ask.encode(), capture_output=True)
    except FileNotFoundError:
        raise Skip("no node")
    if r.returncode == 3:
        raise Skip("no library for ML-DSA-44")
    need(r.returncode in (0, 1), "verify.mjs: " + r.stderr.decode())
    return r.returncode == 0


class Policy:
    def __init__(self, text):
        self.logs, self.witnesses, self.labs, self.vendors, self.members, self.quorum = [], [], [], [], {}, None
        need(text.endswith("\n"), "policy without a line feed")
        for l in text[:-1].split("\n"):
            f = [x for x in re.split("[ \t]+", l) if x]
            if not f or f[0].startswith("#"):
                continue
            if f[0] == "log":
                self.logs.append(Key(f[1], (1, 6)))
            elif f[0] == "lab":
                self.labs.append(Key(f[1], (1,)))
            elif f[0] == "vendor":
                self.vendors.append(Key(f[1], (1,)))
            elif f[0] == "witness":
                k = Key(f[2], (4, 6))
                k.label = f[1]
                self.witnesses.append(k)
                self.members[f[1]] = None
            elif f[0] == "group":
                k = {"any": 1, "all": len(f) - 3}.get(f[2]) or int(f[2])
                self.members[f[1]] = (k, f[3:])
            elif f[0] == "quorum":
                need(self.quorum is None, "two quorums")
                self.quorum = f[1]
            else:
                raise Bad("keyword " + f[0])
        need(self.quorum is not None, "no quorum")

    def met(self, name, have):
        if self.members[name] is None:
            return name in have
        k, of = self.members[name]
        return sum(self.met(o, have) for o in of) >= k


# -- statements -------------------------------------------------------------


def open_statement(envelope, keys_of):
    """The statement and the names of its signers, all of whose keys are keys_of(type)."""
    need(len(envelope) <= 64 << 20, "too long")
    e = line(envelope)
    fields(e, payload=str, payloadType=str, signatures=list)
    need(e["payloadType"] == "application/vnd.in-toto+json", "payloadType")
    payload = unbase64(e["payload"])
    s = parse(payload)
    fields(s, _type=str, predicate=dict, predicateType=str, subject=list)
    need(s["_type"] == "https://in-toto.io/Statement/v1" and len(s["subject"]) == 1, "statement")
    fields(s["subject"][0], digest=dict, name=str)
    fields(s["subject"][0]["digest"], sha256=str)
    need(s["subject"][0]["name"] == "subject", "subject")
    digest(s["subject"][0]["digest"]["sha256"])
    s = {"type": s["predicateType"], "subject": s["subject"][0]["digest"]["sha256"], "predicate": s["predicate"]}
    keys = {k.id(): k for k in keys_of(s["type"])}
    kind = e["payloadType"].encode()
    msg = b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)
    need(e["signatures"], "nobody signed it")
    last, names = "", []
    for g in e["signatures"]:
        fields(g, keyid=str, sig=str)
        need(g["keyid"] > last, "order of signatures")
        last = g["keyid"]
        need(g["keyid"] in keys, "signed by a key that the policy does not name")
        need(ed25519(keys[g["keyid"]].public, msg, unbase64(g["sig"])), "signature")
        names.append(keys[g["keyid"]].name)
    s["signers"] = names
    return s


KNOWN = {"roots.json": True, "recipe.json": True, "contact.dsse.json": True}
SEVERITIES = ["info", "low", "medium", "high", "critical"]


def inspection(p):
    fields(p, counts=list, coverage=dict, findings=list, gaps=list, incidents=int, lab=str, members=list, partial=bool, recipe=str, report=str, salt=str, tree=str, version=str)
    need(p["version"] == "1.0", "version")
    need(p["salt"] == "" or HEX.match(p["salt"]), "salt")
    bound, last = {}, b""
    for m in p["members"]:
        fields(m, name=str, public=bool, sha256=str, size=int)
        digest(m["sha256"])
        n = m["name"].encode()
        need(valid_name(n) and n > last and m["size"] >= 0, "member")
        last = n
        need(m["public"] == KNOWN.get(m["name"], False), "public")
        need(m["name"] not in ("statement.dsse.json", "log.tlog-proof") and not m["name"].startswith("counter/"), "bound")
        bound[m["name"]] = m
    for name in ("recipe.json", "report.json", "roots.json", "seed", "tree.jsonl"):
        need(name in bound, name + " is not bound")
    for f, name in (("recipe", "recipe.json"), ("report", "report.json"), ("tree", "tree.jsonl")):
        need(p[f] == bound[name]["sha256"], "digest of " + name)
    need([f.get("severity") for f in p["findings"]] == SEVERITIES, "severities")
    for f in p["findings"]:
        fields(f, count=int, severity=str)
        need(f["count"] >= 0, "count")
    return bound


def date(s, empty=False):
    if s == "" and empty:
        return
    need(re.match(r"\d{4}-\d\d-\d\d\Z", s), "date")
    try:
        datetime.date.fromisoformat(s)
    except ValueError as e:
        raise Bad(str(e))


def text(s, most=65536, empty=False):
    need(len(s.encode()) <= most and (empty or s.strip()), "text")


def by_finding(ids):
    need(0 < len(ids) <= 10000, "number of findings")
    for i in ids:
        text(i, 1024)
        need(not re.search(r"[\x00-\x20]", i), "finding")
    need(all(a.encode() < b.encode() for a, b in zip(ids, ids[1:])), "order of findings")


def record(s):
    p, kind = s["predicate"], s["type"][len(BASE) :]
    if kind == "contact/v1":
        fields(p, asked=str, embargo=str, **{"from": str}, latest=str, received=str, reply_by=str, source=str, terms=str, vendor=str)
        for f in ("from", "source", "terms", "vendor"):
            text(p[f])
        date(p["received"])
        date(p["embargo"], True)
        need(p["latest"] in ("yes", "no", "not known"), "latest")
        if p["asked"] == "vendor was not asked":
            need(p["reply_by"] == "", "reply_by")
        else:
            date(p["asked"])
            date(p["reply_by"])
            need(p["reply_by"] >= p["asked"], "reply_by")
    elif kind == "rerun/v1":
        fields(p, agrees=bool, date=str, first=str, recipe=str, release=str, report=str)
        date(p["date"])
        text(p["first"], 1024, True)
        need(p["first"] == "" or p["first"][0] == "/" and not p["agrees"], "first")
        for f in ("recipe", "release", "report"):
            need(any(digest(p[f])), "digest")
    elif kind == "reply/v1":
        fields(p, date=str, replies=list)
        date(p["date"])
        for r in p["replies"]:
            fields(r, finding=str, kind=str, text=str, version=str)
            need(r["kind"] in ("confirmed", "fixed in", "disputed", "not affected because", "depends on deployment", "no reply"), "kind")
            need((r["kind"] == "fixed in") == (r["version"] != ""), "version")
            text(r["version"], 1024, True)
            text(r["text"], empty=r["kind"] != "not affected because")
        by_finding([r["finding"] for r in p["replies"]])
    elif kind == "correction/v1":
        fields(p, corrections=list, date=str)
        date(p["date"])
        for c in p["corrections"]:
            fields(c, finding=str, text=str)
            text(c["text"])
        by_finding([c["finding"] for c in p["corrections"]])
    elif kind == "withdrawal/v1":
        fields(p, date=str, findings=list, text=str)
        date(p["date"])
        text(p["text"])
        if p["findings"]:
            by_finding(p["findings"])
    else:
        raise Bad("record of type " + s["type"])


# -- log --------------------------------------------------------------------


def entry(envelope, s):
    p = s["predicate"]
    lab = p.get("lab", s["signers"][0])
    need(lab in s["signers"], "lab")
    subject = "sha256:" + s["subject"]
    if p.get("salt"):
        subject = "salted:" + sha(bytes.fromhex(p["salt"]), bytes.fromhex(s["subject"])).hex()
    b = canonical({"envelope": sha(envelope).hex(), "lab": lab, "subject": subject, "type": s["type"]})
    need(len(b) <= 1024, "entry")
    return b


def checkpoint(t):
    l = t.decode("utf-8").split("\n")
    need(len(l) == 4 and l[3] == "" and l[0] != "", "lines of the checkpoint")
    need(re.match(r"(0|[1-9][0-9]*)\Z", l[1]) and int(l[1]) < 1 << 63, "size")
    root = unbase64(l[2])
    need(len(root) == 32, "root")
    return l[0], int(l[1]), root


def root_of(leaf, index, size, path):
    """RFC 9162, section 2.1.3.2, which RFC 6962's trees share."""
    need(index < size, "index")
    fn, sn, r = index, size - 1, leaf
    for p in path:
        need(sn > 0, "audit path is too long")
        if fn & 1 or fn == sn:
            r = sha(b"\1", p, r)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            r = sha(b"\1", r, p)
        fn, sn = fn >> 1, sn >> 1
    need(sn == 0, "audit path is too short")
    return r


def logged(members, name, envelope, s, policy):
    part = "member " + name
    if not policy.logs:
        if name in members:
            raise Refused(part, "the policy names no log")
        return
    b = read(members, name, 1 << 20)
    try:
        head, _, note = b.partition(b"\n\n")
        l = head.decode("ascii").split("\n")
        need(l[0] == "c2sp.org/tlog-proof@v1" and len(l) >= 2, "head")
        m = re.match(r"index (0|[1-9][0-9]*)\Z", l[1])
        need(m and int(m[1]) < 1 << 64, "index")
        path = [unbase64(x) for x in l[2:]]
        need(len(path) <= 64 and all(len(p) == 32 for p in path), "path")
        t, _, sigs = note.rpartition(b"\n\n")
        t += b"\n"
        need(sigs.endswith(b"\n"), "signatures")
        origin, size, root = checkpoint(t)
        have, signed, seen = set(), False, set()
        keys = {k.id(): k for k in policy.logs + policy.witnesses}
        for x in sigs[:-1].decode("utf-8").split("\n"):
            f = x.split(" ")
            need(len(f) == 3 and f[0] == "\u2014", "signature line")
            raw = unbase64(f[2])
            kid = f[1] + "+" + raw[:4].hex()
            need(kid in keys, "signed by a key that the policy does not name")
            need(kid not in seen, "a key twice")
            seen.add(kid)
            k = keys[kid]
            need(k.verify(t, raw[4:]), "signature by " + kid)
            if k in policy.logs:
                need(k.name == origin, "another log signed")
                signed = True
            else:
                have.add(k.label)
        need(signed, "no log signed")
        need(root_of(sha(b"\0", entry(envelope, s)), int(m[1]), size, path) == root, "audit path")
    except (Bad, UnicodeDecodeError) as e:
        raise Refused(part, str(e))
    if policy.quorum != "none" and not policy.met(policy.quorum, have):
        raise Refused("policy", "quorum")


# -- salted roots -----------------------------------------------------------


def leaf(seed, label, i, l):
    return sha(b"\0", sha(seed, label, struct.pack(">Q", i)), l)


def merkle(h):
    if not h:
        return sha(b"")
    while len(h) > 1:
        up = [sha(b"\1", h[i], h[i + 1]) for i in range(0, len(h) - 1, 2)]
        h = up + h[len(h) - len(h) % 2 :]
    return h[0]


def roots_of(b):
    r = parse(b)
    fields(r, findings=dict, tree=dict, version=str)
    need(r["version"] == "1.0", "version")
    for n in ("findings", "tree"):
        fields(r[n], root=str, size=int)
        digest(r[n]["root"])
        need(r[n]["size"] >= 0, "size")
    return r


# -- the steps --------------------------------------------------------------


def verify(b, policy, release=None, disclosed=None):
    members = container(b)  # 1
    name = "statement.dsse.json"  # 2
    envelope = read(members, name, 64 << 20)
    try:
        s = open_statement(envelope, lambda _: policy.labs)
        need(s["type"] == BASE + "inspection/v1", "type")
        bound = inspection(s["predicate"])
        need(s["predicate"]["lab"] in s["signers"], "lab")
    except Bad as e:
        raise Refused("member " + name, str(e))
    for n, m in members.items():  # 3
        if n in bound:
            if bound[n]["size"] != m["size"]:
                raise Refused("member " + n, "size")
        elif n not in (name, "log.tlog-proof") and not re.match(r"counter/[0-9a-f]{16}\.(dsse\.json|tlog-proof)\Z", n):
            raise Refused("member " + n, "not bound")
    full = any(n in members for n in bound if not bound[n]["public"])  # 4
    for n in bound:
        if n not in members and (full or bound[n]["public"]):
            raise Refused("member " + n, "missing")
    if not full and "contact.dsse.json" not in bound:  # 5
        raise Refused("member contact.dsse.json", "missing")
    logged(members, "log.tlog-proof", envelope, s, policy)  # 6
    counters(members, envelope, s, policy)  # 7
    try:  # 8
        roots = roots_of(read(members, "roots.json", 16 << 20))
    except Bad as e:
        raise Refused("member roots.json", str(e))
    if full:  # 9
        raw = read(members, "seed", 65)
        if not re.match(rb"[0-9a-f]{64}\n\Z", raw):
            raise Refused("member seed", "form")
        seed = bytes.fromhex(raw.decode())
    for n, m in members.items():  # 10
        if n not in bound:
            continue
        if sha(m["content"]).hex() != bound[n]["sha256"]:
            raise Refused("member " + n, "sha256")
        content = read(members, n, 1 << 40)
        if n == "tree.jsonl":
            if content and not content.endswith(b"\n"):
                raise Refused("member " + n, "line feed")
            check_root(roots["tree"], [leaf(seed, b"t", i, l) for i, l in enumerate(content.split(b"\n")[:-1])])
    if full:
        report(members, s, roots, seed)  # 11, 12
    if "contact.dsse.json" in members:  # 13
        try:
            c = open_statement(members["contact.dsse.json"]["content"], lambda _: policy.labs)
            need(c["type"] == BASE + "contact/v1" and c["subject"] == s["subject"], "contact")
            record(c)
        except Bad as e:
            raise Refused("member contact.dsse.json", str(e))
    if release is not None and sha(release).hex() != s["subject"]:  # 14
        raise Refused("input", "another release")
    if disclosed is not None:  # 15
        try:
            disclosure(disclosed, sha(envelope).hex(), roots)
        except Bad as e:
            raise Refused("disclosure", str(e))


def check_root(r, leaves):
    if r["size"] != len(leaves) or r["root"] != merkle(leaves).hex():
        raise Refused("member roots.json", "root")


def counters(members, envelope, s, policy):
    for n in members:
        if not n.startswith("counter/"):
            continue
        part = "member " + n
        if n.endswith(".tlog-proof"):
            if n[: -len(".tlog-proof")] + ".dsse.json" not in members:
                raise Refused(part, "no statement")
            continue
        e = read(members, n, 4 << 20)

        def keys(kind):
            if kind == BASE + "reply/v1":
                return policy.vendors
            need(kind in (BASE + "rerun/v1", BASE + "correction/v1", BASE + "withdrawal/v1"), "type")
            return policy.labs

        try:
            need(n == "counter/" + sha(e).hex()[:16] + ".dsse.json", "name")
            c = open_statement(e, keys)
            record(c)
            need(c["subject"] == sha(envelope).hex(), "subject")
            p = c["predicate"]
            if c["type"] == BASE + "rerun/v1":
                need(p["release"] == s["subject"] and p["agrees"] == (p["report"] == s["predicate"]["report"]), "re-run")
            elif c["type"] != BASE + "reply/v1":
                need(set(c["signers"]) & set(s["signers"]), "another lab")
        except Bad as x:
            raise Refused(part, str(x))
        proof = n[: -len(".dsse.json")] + ".tlog-proof"
        if proof in members:
            logged(members, proof, e, c, policy)


def report(members, s, roots, seed):
    p = s["predicate"]
    try:
        r = line(members["report.json"]["content"])
        need(isinstance(r, dict), "report")
        for f in ("counts", "coverage", "gaps", "incidents", "partial"):
            need(canonical(r[f]) == canonical(p[f]), f)
        n = dict.fromkeys(SEVERITIES, 0)
        for f in r["findings"]:
            n[f["severity"]] += 1
        need([n[x] for x in SEVERITIES] == [f["count"] for f in p["findings"]], "severities")
        need(r["release"]["digest"] == s["subject"] and r["tree"] == p["tree"] and sha(canonical(r["recipe"])).hex() == p["recipe"], "release, tree or recipe")
    except (Bad, KeyError, TypeError) as e:
        raise Refused("member report.json", str(e))
    check_root(roots["findings"], [leaf(seed, b"f", i, canonical(f)) for i, f in enumerate(r["findings"])])


def disclosure(b, envelope, roots):
    d = line(b)
    fields(d, envelope=str, leaves=list, version=str)
    need(d["version"] == "1.0" and d["envelope"] == envelope, "version or envelope")
    for l in d["leaves"]:
        fields(l, hashes=list, index=int, line=str, root=str, salt=str, size=int)
        need(l["root"] in ("tree", "findings"), "root")
        r = roots[l["root"]]
        need(l["size"] == r["size"] and l["index"] >= 0, "size")
        h = sha(b"\0", digest(l["salt"]), l["line"].encode())
        need(root_of(h, l["index"], l["size"], [digest(x) for x in l["hashes"]]).hex() == r["root"], "path")


# -- vectors ----------------------------------------------------------------


def txtar(b):
    files, name = {}, None
    for l in b.decode("utf-8").splitlines(keepends=True):
        m = re.match(r"-- (.+) --\n\Z", l)
        if m:
            name = m[1]
            files[name] = ""
        elif name is not None:
            files[name] += l
    return files


def main(names):
    status = 0
    for name in names:
        with open(name, "rb") as f:
            v = txtar(f.read())
        raw = lambda n: base64.b64decode(v[n].replace("\n", "")) if n in v else None
        d = v["disclosed.json"].encode() if "disclosed.json" in v else None
        try:
            verify(raw("bundle.base64"), Policy(v["policy"]), raw("input.base64"), d)
            got, why = "ok", ""
        except Refused as e:
            got, why = "refused: " + e.part, str(e)
        except Skip as e:
            got, why = "skipped", str(e)
        base = os.path.splitext(os.path.basename(name))[0]
        print("%s: %s" % (base, got))
        if got not in (v["verdict"].strip(), "skipped"):
            print("%s: expected %s (%s)" % (base, v["verdict"].strip(), why), file=sys.stderr)
            status = 1
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
