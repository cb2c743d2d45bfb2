#!/usr/bin/env python3
# NAME: a hook. It logs each layer that unpack extracts, and notes the image in config.json.
import json, sys
context, point = json.load(sys.stdin), sys.argv[-1]

if point == "unpack.ociv1.layer.post-extract":  # no result; lines on stderr go to the log
    print(f"extracted {context['diffID']}: {context['applied']['bytes']} bytes", file=sys.stderr)
elif point == "unpack.ociv1.bundle.config":  # the result is the changed spec
    spec = context["spec"]
    spec.setdefault("annotations", {})["NAME.image"] = context["manifestDescriptor"]["digest"]
    json.dump(spec, sys.stdout)
else:
    sys.exit(77)  # declined
