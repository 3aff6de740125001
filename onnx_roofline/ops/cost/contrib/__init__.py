"""Cost rules of onnxruntime's ops: contrib ops (com.microsoft), its optimizer's layouts, and its internal ops."""
