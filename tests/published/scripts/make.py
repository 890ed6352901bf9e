#!/usr/bin/env python3
import os
print("creating for", os.environ["SIGNADOT_SANDBOX_NAME"], os.environ["SIGNADOT_SANDBOX_ROUTING_KEY"])
