-- The schema of the demo: an ERP that grew for thirty years. Three generations of names live side by
-- side: German ERP (BUKRS, KD_NR), mainframe (WRK_STO_CD, RUN_DT_J) and CRM (ROW_ID, CNSNT_DT).
-- A comment behind a column, or behind the opening parenthesis, is a description that somebody once
-- wrote; most columns have none, which is what the demo is about.

CREATE TABLE T001 ( -- Company codes: the legal entities of the group that keep their own books.
    MANDT     CHAR(3)     NOT NULL, -- Client; the first part of every key of the accounting tables.
    BUKRS     CHAR(4)     NOT NULL, -- Company code: the legal entity that keeps its own balance sheet.
    FIRM_BEZ  VARCHAR(40) NOT NULL, -- Registered name of the company.
    LKZ       CHAR(2)     NOT NULL, -- Country of the registered office, ISO 3166 two-letter code.
    WAERS     CHAR(3)     NOT NULL, -- House currency of the company code, ISO 4217.
    KTO_PLAN  CHAR(4)     NOT NULL, -- Chart of accounts that the company code posts with.
    GJ_VAR    CHAR(2)     NOT NULL, -- Fiscal year variant: K4 is the calendar year with four closing periods, K0 without.
    UST_ID    VARCHAR(14),          -- VAT registration number for trade inside the EU.
    KZ_KONS   CHAR(1)     NOT NULL, -- Consolidation: V fully consolidated, Q at equity.
    PRIMARY KEY (MANDT, BUKRS)
);

CREATE TABLE T052 (
    MANDT   CHAR(3)   NOT NULL,
    ZTERM   CHAR(4)   NOT NULL,
    NET_TG  INTEGER   NOT NULL,
    SK1_TG  INTEGER,
    SK1_PZ  DEC(5, 3),
    SK2_TG  INTEGER,
    SK2_PZ  DEC(5, 3),
    BAS_KZ  CHAR(1)   NOT NULL,
    PRIMARY KEY (MANDT, ZTERM)
);

CREATE TABLE WKURS (
    MANDT      CHAR(3)   NOT NULL,
    KURS_TYP   CHAR(4)   NOT NULL,
    VON_WAERS  CHAR(3)   NOT NULL,
    NACH_WAERS CHAR(3)   NOT NULL,
    DAT_INV    CHAR(8)   NOT NULL,
    KURS       DEC(9, 5) NOT NULL, -- Units of the target currency for EINH_FKT units of the source currency.
    EINH_FKT   INTEGER   NOT NULL,
    PRIMARY KEY (MANDT, KURS_TYP, VON_WAERS, NACH_WAERS, DAT_INV)
);

CREATE TABLE SKO1 (
    MANDT      CHAR(3)     NOT NULL,
    KTO_SK     CHAR(10)    NOT NULL,
    KTO_PLAN   CHAR(4)     NOT NULL,
    KTO_BEZ    VARCHAR(40) NOT NULL, -- Name of the account as printed on the balance sheet.
    BIL_GUV_KZ CHAR(1)     NOT NULL,
    ABST_KZ    CHAR(1)     NOT NULL,
    SPR_KZ     CHAR(1)     NOT NULL,
    PRIMARY KEY (MANDT, KTO_SK)
);

CREATE TABLE KST_TB (
    KST_CD       CHAR(6)     NOT NULL PRIMARY KEY,
    KST_BEZ      VARCHAR(30) NOT NULL,
    KST_HIER     CHAR(6) REFERENCES KST_TB (KST_CD),
    MGR_PNR      CHAR(6),
    VAL_FR       CHAR(8)     NOT NULL,
    VAL_TO       CHAR(8)     NOT NULL,
    X_LEGACY_FLG CHAR(1)     NOT NULL
);

CREATE TABLE BKPF (
    MANDT        CHAR(3)     NOT NULL,
    BUKRS        CHAR(4)     NOT NULL,
    BELNR        CHAR(10)    NOT NULL,
    GJAHR        CHAR(4)     NOT NULL,
    BL_ART       CHAR(2)     NOT NULL,
    BL_DAT       CHAR(8)     NOT NULL,
    BU_DAT       CHAR(8)     NOT NULL,
    PERIO        CHAR(2)     NOT NULL,
    WAERS        CHAR(3)     NOT NULL,
    KURS_U       DEC(9, 5),
    USR_ERF      VARCHAR(12) NOT NULL,
    STO_BEL      CHAR(10),
    X_LEGACY_FLG CHAR(1)     NOT NULL,
    PRIMARY KEY (MANDT, BUKRS, BELNR, GJAHR),
    FOREIGN KEY (MANDT, BUKRS) REFERENCES T001 (MANDT, BUKRS)
);

CREATE TABLE WRK_STO_TB (
    WRK_STO_CD CHAR(4)     NOT NULL PRIMARY KEY,
    WS_TYP     CHAR(1)     NOT NULL,
    WS_BEZ     VARCHAR(30) NOT NULL,
    MANDT      CHAR(3)     NOT NULL,
    BUKRS      CHAR(4)     NOT NULL,
    CAL_CD     CHAR(2)     NOT NULL,
    X_HAZ      CHAR(1)     NOT NULL,
    CLS_DT     CHAR(8),
    FOREIGN KEY (MANDT, BUKRS) REFERENCES T001 (MANDT, BUKRS)
);

CREATE TABLE KDSTM ( -- Customer master: one row for every business partner that we sell to.
    MANDT        CHAR(3)     NOT NULL,
    KD_NR        CHAR(10)    NOT NULL, -- Customer number, ten digits with leading zeros.
    KD_NAME1     VARCHAR(35) NOT NULL, -- Name of the customer, first line of the address.
    KD_NAME2     VARCHAR(35),
    SUCHB        CHAR(10)    NOT NULL,
    STR_HNR      VARCHAR(35),
    PLZ          CHAR(10)    NOT NULL, -- Postal code of the street address.
    ORT          VARCHAR(35) NOT NULL, -- Town of the street address.
    ORTST        VARCHAR(35),
    LKZ          CHAR(2)     NOT NULL,
    REG_CD       CHAR(3),
    PF_NR        CHAR(10),
    PF_PLZ       CHAR(10),
    SPR_CD       CHAR(1)     NOT NULL,
    TEL_1        VARCHAR(20),
    TELEX_NR     CHAR(12),
    FAX_NR       VARCHAR(20),
    EMAIL_AD     VARCHAR(80),          -- E-mail address to which invoices are sent.
    BTX_KZ       CHAR(1)     NOT NULL,
    UST_ID       VARCHAR(14),
    STEU_NR      CHAR(13),
    HR_NR        VARCHAR(12),
    BRANCH_CD    CHAR(4)     NOT NULL,
    KD_KL        CHAR(1)     NOT NULL,
    KD_GRP       CHAR(2)     NOT NULL,
    VTR_NR       CHAR(6),
    VK_GEB       CHAR(4)     NOT NULL,
    PRS_LST      CHAR(2)     NOT NULL,
    RAB_GR       CHAR(2),
    BON_KZ       CHAR(1)     NOT NULL,
    ZTERM        CHAR(4)     NOT NULL,
    WAERS        CHAR(3)     NOT NULL,
    KRED_LIM     DEC(13, 2),           -- Credit limit in house currency.
    KRED_OBL     DEC(13, 2)  NOT NULL,
    KRED_DT      CHAR(8),
    MAHN_VF      CHAR(4)     NOT NULL,
    MAHN_SPR     CHAR(1)     NOT NULL,
    LS_SPR       CHAR(1)     NOT NULL,
    FA_SPR       CHAR(1)     NOT NULL,
    LOE_KZ       CHAR(1)     NOT NULL, -- X: marked for deletion, archived at the next year end.
    KONZ_NR      CHAR(10),
    RG_EMPF      CHAR(10),
    ABW_ZAHL     CHAR(10),
    KTO_ABST     CHAR(10)    NOT NULL,
    IBAN_NR      VARCHAR(34),
    BLZ_ALT      CHAR(8),
    KTO_ALT      CHAR(10),
    SEPA_REF     VARCHAR(35),
    EDI_GLN      CHAR(13),
    WRK_STO_CD   CHAR(4) REFERENCES WRK_STO_TB (WRK_STO_CD),
    VERS_CD      CHAR(2)     NOT NULL,
    INCO_CD      CHAR(3)     NOT NULL,
    X_EURO_UMST  CHAR(1),
    X_LEGACY_FLG CHAR(1)     NOT NULL,
    KNZ_07       CHAR(1)     NOT NULL,
    RES_FLD_1    CHAR(10),
    RES_FLD_2    DEC(13, 2),
    ANL_DT       CHAR(8)     NOT NULL,
    ANL_USR      VARCHAR(12) NOT NULL,
    AEND_TS      CHAR(14),
    PRIMARY KEY (MANDT, KD_NR),
    FOREIGN KEY (MANDT, ZTERM) REFERENCES T052 (MANDT, ZTERM),
    FOREIGN KEY (MANDT, KONZ_NR) REFERENCES KDSTM (MANDT, KD_NR),
    FOREIGN KEY (MANDT, RG_EMPF) REFERENCES KDSTM (MANDT, KD_NR),
    FOREIGN KEY (MANDT, ABW_ZAHL) REFERENCES KDSTM (MANDT, KD_NR),
    FOREIGN KEY (MANDT, KTO_ABST) REFERENCES SKO1 (MANDT, KTO_SK)
);

CREATE TABLE LFSTM (
    MANDT        CHAR(3)     NOT NULL,
    LF_NR        CHAR(10)    NOT NULL,
    LF_NAME      VARCHAR(35) NOT NULL,
    LKZ          CHAR(2)     NOT NULL,
    KD_NR        CHAR(10),
    ZTERM        CHAR(4)     NOT NULL,
    ZW_KZ        CHAR(1)     NOT NULL,
    QM_NOTE      DEC(2, 1),
    SPR_EK       CHAR(1)     NOT NULL,
    X_LEGACY_FLG CHAR(1)     NOT NULL,
    PRIMARY KEY (MANDT, LF_NR),
    FOREIGN KEY (MANDT, KD_NR) REFERENCES KDSTM (MANDT, KD_NR),
    FOREIGN KEY (MANDT, ZTERM) REFERENCES T052 (MANDT, ZTERM)
);

CREATE TABLE BSEG (
    MANDT    CHAR(3)     NOT NULL,
    BUKRS    CHAR(4)     NOT NULL,
    BELNR    CHAR(10)    NOT NULL,
    GJAHR    CHAR(4)     NOT NULL,
    BUZEI    CHAR(3)     NOT NULL, -- Number of the line inside the document, from 001.
    BS_KZ    CHAR(2)     NOT NULL,
    SH_KZ    CHAR(1)     NOT NULL,
    WRBTR    DEC(13, 2)  NOT NULL, -- Amount in document currency, never negative: SH_KZ gives the side.
    HW_BTR   DEC(13, 2)  NOT NULL,
    WAERS    CHAR(3)     NOT NULL,
    KTO_SK   CHAR(10)    NOT NULL,
    KD_NR    CHAR(10),
    LF_NR    CHAR(10),
    ZTERM    CHAR(4),
    FAEL_DT  CHAR(8),              -- Net due date of an open item, YYYYMMDD.
    MWST_KZ  CHAR(2),
    KST_CD   CHAR(6) REFERENCES KST_TB (KST_CD),
    AUGL_BEL CHAR(10),
    AUGL_DT  CHAR(8),              -- Date on which the item was cleared, YYYYMMDD.
    MAHN_ST  CHAR(1)     NOT NULL,
    ZUO_TX   VARCHAR(18),
    SG_TXT   VARCHAR(50),          -- Free text of the line, printed on statements of account.
    PRIMARY KEY (MANDT, BUKRS, BELNR, GJAHR, BUZEI),
    FOREIGN KEY (MANDT, BUKRS, BELNR, GJAHR) REFERENCES BKPF (MANDT, BUKRS, BELNR, GJAHR),
    FOREIGN KEY (MANDT, KTO_SK) REFERENCES SKO1 (MANDT, KTO_SK),
    FOREIGN KEY (MANDT, KD_NR) REFERENCES KDSTM (MANDT, KD_NR),
    FOREIGN KEY (MANDT, LF_NR) REFERENCES LFSTM (MANDT, LF_NR),
    FOREIGN KEY (MANDT, ZTERM) REFERENCES T052 (MANDT, ZTERM)
);

CREATE TABLE ARTST (
    MANDT    CHAR(3)     NOT NULL,
    ART_NR   CHAR(8)     NOT NULL, -- Article number, assigned without meaning.
    ART_BEZ  VARCHAR(40) NOT NULL,
    ART_TYP  CHAR(2)     NOT NULL,
    WGR      CHAR(4)     NOT NULL,
    ME       CHAR(3)     NOT NULL,
    GEW_N    DEC(9, 3),
    GEW_ME   CHAR(2),
    NORM_REF VARCHAR(12),
    OBFL_CD  CHAR(3),
    DISP_KZ  CHAR(2)     NOT NULL,
    ABC_KZ   CHAR(1)     NOT NULL,
    MIN_BST  INTEGER     NOT NULL,
    STD_PRS  DEC(11, 2)  NOT NULL,
    PRS_EINH INTEGER     NOT NULL,
    VORG_ART CHAR(8),
    LOE_KZ   CHAR(1)     NOT NULL,
    PRIMARY KEY (MANDT, ART_NR),
    FOREIGN KEY (MANDT, VORG_ART) REFERENCES ARTST (MANDT, ART_NR)
);

CREATE TABLE LGBST (
    MANDT      CHAR(3)    NOT NULL,
    ART_NR     CHAR(8)    NOT NULL,
    WRK_STO_CD CHAR(4)    NOT NULL REFERENCES WRK_STO_TB (WRK_STO_CD),
    LG_PL      CHAR(8)    NOT NULL,
    CHRG_NR    CHAR(10)   NOT NULL,
    BST_FREI   DEC(13, 3) NOT NULL,
    BST_QS     DEC(13, 3) NOT NULL,
    BST_GESP   DEC(13, 3) NOT NULL,
    LBEW_DT    CHAR(8),
    INV_ST     CHAR(1)    NOT NULL,
    HALB_DT    CHAR(8),
    PRIMARY KEY (MANDT, ART_NR, WRK_STO_CD, LG_PL, CHRG_NR),
    FOREIGN KEY (MANDT, ART_NR) REFERENCES ARTST (MANDT, ART_NR)
);

CREATE TABLE CRM_CNTCT (
    ROW_ID    CHAR(10)    NOT NULL PRIMARY KEY, -- Key of the row, made by the CRM: site, dash, counter in base 36.
    MANDT     CHAR(3)     NOT NULL,
    ACCT_ID   CHAR(10)    NOT NULL,
    FST_NM    VARCHAR(30),
    LST_NM    VARCHAR(30) NOT NULL, -- Family name of the contact.
    SAL_CD    CHAR(1),
    ROLE_CD   CHAR(3),
    EML_ADDR  VARCHAR(80),
    OPT_FLG   CHAR(1)     NOT NULL,
    CNSNT_DT  CHAR(8),
    SCR_VAL   INTEGER,
    SRC_CD    CHAR(3)     NOT NULL,
    X_ATTR_01 VARCHAR(10),
    FOREIGN KEY (MANDT, ACCT_ID) REFERENCES KDSTM (MANDT, KD_NR)
);

CREATE TABLE CRM_OPP (
    ROW_ID      CHAR(10)    NOT NULL PRIMARY KEY,
    MANDT       CHAR(3)     NOT NULL,
    ACCT_ID     CHAR(10)    NOT NULL,
    PR_CON_ID   CHAR(10) REFERENCES CRM_CNTCT (ROW_ID),
    OPP_NM      VARCHAR(50) NOT NULL,
    STG_CD      CHAR(2)     NOT NULL,
    PROB_PCT    INTEGER     NOT NULL,
    EXP_AMT     DEC(13, 2),
    CLS_DT      CHAR(8),
    LOSS_RSN_CD CHAR(2),
    FOREIGN KEY (MANDT, ACCT_ID) REFERENCES KDSTM (MANDT, KD_NR)
);

CREATE TABLE AUFKO (
    MANDT     CHAR(3)     NOT NULL,
    AUF_NR    CHAR(10)    NOT NULL,
    AUF_ART   CHAR(2)     NOT NULL,
    KD_NR     CHAR(10)    NOT NULL,
    WE_NR     CHAR(10),
    BST_NR_KD VARCHAR(20),
    ERF_DT    CHAR(8)     NOT NULL,
    WUN_DT    CHAR(8),              -- Delivery date that the customer asked for, YYYYMMDD.
    NTO_WRT   DEC(13, 2)  NOT NULL,
    WAERS     CHAR(3)     NOT NULL,
    LF_SPR    CHAR(2)     NOT NULL,
    GES_ST    CHAR(1)     NOT NULL,
    CRM_REF   CHAR(10) REFERENCES CRM_OPP (ROW_ID),
    PRIMARY KEY (MANDT, AUF_NR),
    FOREIGN KEY (MANDT, KD_NR) REFERENCES KDSTM (MANDT, KD_NR),
    FOREIGN KEY (MANDT, WE_NR) REFERENCES KDSTM (MANDT, KD_NR)
);

CREATE TABLE AUFPO (
    MANDT      CHAR(3)    NOT NULL,
    AUF_NR     CHAR(10)   NOT NULL,
    POS_NR     CHAR(6)    NOT NULL,
    ART_NR     CHAR(8)    NOT NULL,
    MG_AUF     DEC(13, 3) NOT NULL,
    MG_LIEF    DEC(13, 3) NOT NULL,
    ME         CHAR(3)    NOT NULL,
    POS_PRS    DEC(11, 2) NOT NULL,
    RAB_PZ     DEC(5, 2),           -- Discount on the item in percent.
    WRK_STO_CD CHAR(4)    NOT NULL REFERENCES WRK_STO_TB (WRK_STO_CD),
    ABS_GRD    CHAR(2)    NOT NULL,
    UEB_POS    CHAR(6),
    KZ_ALT     CHAR(1)    NOT NULL,
    PRIMARY KEY (MANDT, AUF_NR, POS_NR),
    FOREIGN KEY (MANDT, AUF_NR) REFERENCES AUFKO (MANDT, AUF_NR),
    FOREIGN KEY (MANDT, ART_NR) REFERENCES ARTST (MANDT, ART_NR)
);

CREATE TABLE FAKKO (
    MANDT   CHAR(3)    NOT NULL,
    FAK_NR  CHAR(10)   NOT NULL,
    FAK_ART CHAR(2)    NOT NULL,
    AUF_NR  CHAR(10)   NOT NULL,
    RG_EMPF CHAR(10)   NOT NULL,
    FAK_DT  CHAR(8)    NOT NULL,
    BTO_WRT DEC(13, 2) NOT NULL,
    BUKRS   CHAR(4)    NOT NULL,
    BELNR   CHAR(10),
    GJAHR   CHAR(4)    NOT NULL,
    DRK_ANZ INTEGER    NOT NULL,
    PRIMARY KEY (MANDT, FAK_NR),
    FOREIGN KEY (MANDT, AUF_NR) REFERENCES AUFKO (MANDT, AUF_NR),
    FOREIGN KEY (MANDT, RG_EMPF) REFERENCES KDSTM (MANDT, KD_NR),
    FOREIGN KEY (MANDT, BUKRS, BELNR, GJAHR) REFERENCES BKPF (MANDT, BUKRS, BELNR, GJAHR)
);

CREATE TABLE IF_RUN ( /* Control records of the nightly interface: one row for each run of a batch job. */
    RUN_ID     INTEGER NOT NULL PRIMARY KEY,
    JOB_NM     CHAR(8) NOT NULL,  -- Name of the batch job, as the scheduler knows it.
    RUN_DT_J   CHAR(7) NOT NULL,
    SEQ_NO     INTEGER NOT NULL,
    REC_CNT    INTEGER NOT NULL,
    HASH_TOT   INTEGER NOT NULL,
    RC_CD      CHAR(4) NOT NULL,
    RESTART_PT CHAR(8),
    FILLER_1   CHAR(20)
);

CREATE TABLE MIG_XREF (
    SRC_SYS CHAR(3)     NOT NULL,
    OBJ_TYP CHAR(2)     NOT NULL,
    OLD_KEY VARCHAR(18) NOT NULL,
    NEW_KEY VARCHAR(18),
    RUN_ID  INTEGER     NOT NULL REFERENCES IF_RUN (RUN_ID),
    ST_FLG  CHAR(1)     NOT NULL,
    CHK_DIG CHAR(1)     NOT NULL,
    PRIMARY KEY (SRC_SYS, OBJ_TYP, OLD_KEY)
);

-- Open items of customers: what was invoiced and not yet cleared.
CREATE VIEW V_OP AS
SELECT s.BUKRS,
       s.KD_NR,
       k.KD_NAME1,
       s.BELNR,
       s.BUZEI,
       s.FAEL_DT,
       CASE s.SH_KZ WHEN 'S' THEN s.HW_BTR ELSE -s.HW_BTR END AS OFF_BTR,
       s.MAHN_ST
FROM BSEG AS s
JOIN KDSTM AS k ON k.MANDT = s.MANDT AND k.KD_NR = s.KD_NR
WHERE s.AUGL_BEL IS NULL;
