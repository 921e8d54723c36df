"""Streamlit pages: they show, they do no arithmetic."""
