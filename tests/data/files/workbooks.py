"""Writes the workbooks of this folder: pip install openpyxl XlsxWriter xlwt msoffcrypto-tool, then run it here.

They are what real programs write, and not what our own idea of the format is. Names and numbers are made up.
"""
import datetime
import io

import msoffcrypto.format.ooxml
import openpyxl
import xlsxwriter
import xlwt

HEADER = ["Kod", "Müşteri", "Firma", "Cep", "Bakiye", "Değişti", "VIP", "Not"]
ROWS = [
    ["C1", "Ayşe Yılmaz", "Yılmaz & Oğulları", 905325550101, 1250.5, datetime.datetime(2026, 9, 1, 10, 41, 22), True, None],
    ["C2", "Mehmet Öz", None, "0532 555 01 02", -0.1, datetime.date(2026, 9, 2), False, None],
    [3, "Zeynep Şahin", "Şahin A.Ş.", 5325550103, "=1000+0.5", "2026-09-03", None, "#N/A"],
    [],
    ["C4", "Ali Kaya", None, "+90 532 555 01 04", 0, None, None, "last"],
]


def workbook(epoch):
    book = openpyxl.Workbook()
    book.epoch = epoch
    sheet = book.active
    sheet.title = "Müşteriler"
    # Two rows without anything above the header.
    sheet.append([])
    sheet.append([])
    sheet.append(HEADER)
    for row in ROWS:
        sheet.append(row)
    other = book.create_sheet("Diğer")
    other.append(["Kod", "Müşteri", "Firma", "Cep", "Bakiye", "Değişti", "VIP", "Not"])
    other.append(["D1", "Berk Can", None, "0532 555 01 09", 7, None, None, None])
    other.merge_cells("B2:C2")
    return book


from openpyxl.utils.datetime import MAC_EPOCH, WINDOWS_EPOCH

workbook(WINDOWS_EPOCH).save("openpyxl.xlsx")
workbook(MAC_EPOCH).save("openpyxl-1904.xlsx")

locked = msoffcrypto.format.ooxml.OOXMLFile(open("openpyxl.xlsx", "rb"))
with open("locked.xlsx", "wb") as out:
    locked.encrypt("secret", out)

# Excel's own way: each text once, in a list of its own, and formulas with the value they had.
book = xlsxwriter.Workbook("xlsxwriter.xlsx")
sheet = book.add_worksheet("Müşteriler")
date = book.add_format({"num_format": "dd.mm.yyyy hh:mm:ss"})
bold = book.add_format({"bold": True})
for column, name in enumerate(HEADER):
    sheet.write(0, column, name)
for number, row in enumerate(ROWS, 1):
    for column, value in enumerate(row):
        if isinstance(value, (datetime.date, datetime.datetime)):
            sheet.write_datetime(number, column, value, date)
        elif column == 4 and isinstance(value, str):
            sheet.write_formula(number, column, value, None, 1000.5)
        elif value == "#N/A":
            sheet.write_formula(number, column, "=NA()", None, value)
        elif value is not None:
            sheet.write(number, column, value)
sheet.write_rich_string(2, 1, "Mehmet ", bold, "Öz")
sheet.merge_range("B10:D10", "Toplam & son")
book.close()

old = xlwt.Workbook()
sheet = old.add_sheet("Müşteriler")
for i, name in enumerate(HEADER):
    sheet.write(0, i, name)
old.save("old.xls")
