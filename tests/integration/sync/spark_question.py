"""Answers a question of SQL by Spark, over Parquet files in the lake's folders: run with Spark on the path, prints JSON.

    python spark_question.py FOLDER QUESTION FILE...

FOLDER is what `site=…/year=…/month=…` lie in.
"""

import json
import sys

from pyspark.sql import SparkSession


def main() -> None:
    """One answer."""
    folder, question, *files = sys.argv[1:]
    spark = (
        SparkSession.builder.master("local[2]")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.ui.enabled", "false")
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.sql.shuffle.partitions", "2")
        .getOrCreate()
    )
    spark.read.option("basePath", folder).parquet(*files).createOrReplaceTempView("samples")
    rows = [list(row) for row in spark.sql(question).collect()]
    sys.stdout.write(json.dumps(rows, default=str))
    spark.stop()


if __name__ == "__main__":
    main()
