#!/bin/bash
# A stream outlives its carriers over WebSocket, too (resume.sh).
cd "$(dirname "$0")/../.." || exit 1
[ "${PH_DOSE:-}" = full ] &&
	{ PH_OVER=wss:// test/mesh/resume.sh || exit; }
PH_OVER=ws:// PH_MIB=24 exec test/mesh/resume.sh
