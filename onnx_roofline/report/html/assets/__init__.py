"""What the page is made of besides its data: skeleton, style and script."""
