"""The test vectors of Project Wycheproof for JWS and JWK."""
