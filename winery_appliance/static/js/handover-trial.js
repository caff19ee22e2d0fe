// Does nothing. That it can be registered shows that the device trusts the winery's certificate.
