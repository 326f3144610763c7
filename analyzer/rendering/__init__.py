"""Evidence sets -> workbook, pictures, remediation: each format reads an evidence set and nothing else."""
