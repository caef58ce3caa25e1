# The programs of tokentide: `docker run … tokentide-server:0.1.0 collector` and so on; without a word, `up`.
FROM python:3.13.14-slim-trixie AS build
WORKDIR /src
COPY requirements.txt ./
RUN sed -n '/^uv==/,/[^\\]$/p' requirements.txt > uv.txt \
    && pip install --no-cache-dir --require-hashes --requirement uv.txt
COPY . .
RUN uv build --all-packages --wheel --out-dir /wheels --build-constraint requirements.txt
RUN uv venv --python /usr/local/bin/python /opt/tokentide \
    && uv pip install --python /opt/tokentide --constraint requirements.txt /wheels/*.whl

FROM python:3.13.14-slim-trixie
RUN useradd --uid 10001 --create-home tokentide
COPY --from=build /opt/tokentide /opt/tokentide
ENV PATH=/opt/tokentide/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    TOKENTIDE_SERVER__HOST=0.0.0.0
USER tokentide
WORKDIR /home/tokentide
EXPOSE 8321
ENTRYPOINT ["tokentide"]
CMD ["up"]
