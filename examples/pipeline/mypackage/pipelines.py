from datagw.pipelines import BasePipeline


class MyPipeline(BasePipeline):
    def run(self):
        path = self.tmp_dir / "file.txt"
        path.write_text(f"foo is {self.config['foo']}\n")
        if not self.file_has_changed("file.txt", size=path.stat().st_size):
            return
        self.log.info("publishing, with %s", self.secrets["secret_value"])
        self.publish(path, "archive:file.txt")
        self.register_file(name="file.txt", file=path)
