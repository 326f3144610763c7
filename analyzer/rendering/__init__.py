"""The output formats: workbook, page, PDF, pictures, remediation and calendar. Each reads only an evidence set."""
