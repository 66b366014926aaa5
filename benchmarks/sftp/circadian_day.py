"""circadian-scp-upload as its README shows it: all dated directories of a folder. Runs in the peers' environment."""

import sys

import circadian_scp_upload

host, user, source, target = sys.argv[1:]
callbacks = circadian_scp_upload.UploadClientCallbacks(dated_regex="^%Y%m%d$")
with circadian_scp_upload.RemoteConnection(host, user, password="") as remote:  # the key in ~/.ssh is tried first
    circadian_scp_upload.DailyTransferClient(
        remote_connection=remote,
        src_path=source,
        dst_path=target,
        remove_files_after_upload=False,
        variant="directories",
        callbacks=callbacks,
    ).run()
