"""The row of tds_server.all_types as Python values; what a client cannot tell apart is left to its own check."""

import datetime
import decimal
import uuid

TIME_ZONE = datetime.timezone(datetime.timedelta(hours=1))

ALL_TYPES = {
    "c_bit": True,
    "c_tinyint": 255,
    "c_smallint": -32768,
    "c_int": 2147483647,
    "c_bigint": -9223372036854775808,
    "c_real": 1.5,
    "c_float": -2.25e100,
    "c_decimal": decimal.Decimal("-1234567890123456.7891"),
    "c_money": decimal.Decimal("-922337203685477.5808"),
    "c_date": datetime.date(2026, 3, 2),
    "c_time": datetime.time(23, 59, 58, 987654),
    "c_datetime": datetime.datetime(2026, 3, 2, 10, 0, 0, 997000),
    "c_datetime2": datetime.datetime(2026, 3, 2, 10, 0, 0, 123456),
    "c_datetimeoffset": datetime.datetime(2026, 3, 2, 10, 0, 0, 123456, TIME_ZONE),
    "c_uniqueidentifier": uuid.UUID("0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d"),
    "c_varbinary": b"\x00\x01\x02\xfe\xff",
    "c_char": "char      ",
    "c_varchar": "varchar",
    "c_nchar": "Käse      ",
    "c_nvarchar": "Größe €",
    "c_nvarchar_max": "as long as you like 😀",
}
